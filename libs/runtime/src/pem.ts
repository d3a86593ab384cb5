/** PEM files that a setting names: read whole and looked at, so that a bad one stops the start and not a connection. */
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { StartError } from './start-error.ts';

const PARSE = { certificate: (pem: Buffer) => new X509Certificate(pem), 'private key without a password': createPrivateKey } as const;

export interface PemFile {
  readonly path: string;
  /** Which setting names it. */
  readonly variable: string;
  readonly holds: keyof typeof PARSE;
}

/** @throws {StartError} naming the variable and the file that can't be used. */
export function readPem({ path, variable, holds }: PemFile): Buffer {
  try {
    const pem = readFileSync(path);
    PARSE[holds](pem);
    return pem;
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const why = code.startsWith('E') && !code.startsWith('ERR_') ? `can't be read: ${message}` : `holds no ${holds} in PEM (${message})`;
    throw new StartError(`${variable}: ${path} ${why}`);
  }
}

/** @throws {StartError} the key is another certificate's */
export function readPemPair(cert: Omit<PemFile, 'holds'>, key: Omit<PemFile, 'holds'>): { readonly cert: Buffer; readonly key: Buffer } {
  const pair = { cert: readPem({ ...cert, holds: 'certificate' }), key: readPem({ ...key, holds: 'private key without a password' }) };
  try {
    createSecureContext(pair);
  } catch (error) {
    throw new StartError(`${cert.variable} and ${key.variable}: ${cert.path} and ${key.path} can't be used together: ${(error as Error).message}`);
  }
  return pair;
}
