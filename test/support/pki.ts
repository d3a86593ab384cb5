/** An authority, a server's certificate for 127.0.0.1 and those of clients, as files. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { makeCertificate, type Certificate } from './certificate.ts';

export interface Pki {
  readonly authority: Certificate;
  /** Paths. */
  readonly ca: string;
  readonly server: { readonly ca: string; readonly cert: string; readonly key: string };
  /** Of a client, by whom the server's authority signed; gives its paths. */
  readonly client: (name: string) => { readonly ca: string; readonly cert: string; readonly key: string };
  readonly write: (name: string, pem: string) => string;
}

/** Gone at the test's end. @param serverNames what the server's certificate is for */
export function pki(serverNames: readonly string[] = ['127.0.0.1']): Pki {
  const folder = mkdtempSync(join(tmpdir(), 'fuseboard-pki-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const write = (name: string, pem: string): string => {
    const path = join(folder, name);
    writeFileSync(path, pem);
    return path;
  };
  const authority = makeCertificate({ commonName: 'our authority' });
  const ca = write('ca.pem', authority.cert);
  const signed = (name: string, names: readonly string[]): { ca: string; cert: string; key: string } => {
    const { cert, key } = makeCertificate({ commonName: name, names, issuer: authority });
    return { ca, cert: write(`${name}.pem`, cert), key: write(`${name}.key`, key) };
  };
  return { authority, ca, server: signed('server', serverNames), client: (name) => signed(name, [name]), write };
}
