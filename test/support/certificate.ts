/** Certificates for tests, made on the spot: X.509 version 3 (RFC 5280), P-256, signed by themselves or by another. */
import { createPrivateKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { isIPv4 } from 'node:net';

export interface Certificate {
  /** PEM. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
  readonly commonName: string;
}

export interface CertificateOptions {
  readonly commonName: string;
  /** DNS names and IPv4 addresses that it is for; default: the common name. */
  readonly names?: readonly string[];
  /** Who signs; default: itself, and it may sign others. */
  readonly issuer?: Certificate;
  /** ms since 1970; default: in a day. */
  readonly validToMs?: number;
}

const DAY_MS = 86_400_000;
const ECDSA_WITH_SHA256 = der(0x30, oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
const TAG = { boolean: 0x01, integer: 0x02, bits: 0x03, octets: 0x04, utf8: 0x0c, time: 0x17, sequence: 0x30, set: 0x31, dnsName: 0x82, ipAddress: 0x87, version: 0xa0, extensions: 0xa3 };

export function makeCertificate({ commonName, names = [commonName], issuer, validToMs = Date.now() + DAY_MS }: CertificateOptions): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const extensions = [subjectAlternativeNames(names), ...(issuer === undefined ? [mayBeIssuer()] : [])];
  const toBeSigned = der(
    TAG.sequence,
    der(TAG.version, der(TAG.integer, Buffer.from([2]))),
    // Its highest bit is clear: positive.
    der(TAG.integer, Buffer.concat([Buffer.from([0x01]), randomBytes(15)])),
    ECDSA_WITH_SHA256,
    distinguishedName(issuer?.commonName ?? commonName),
    der(TAG.sequence, time(Date.now() - DAY_MS), time(validToMs)),
    distinguishedName(commonName),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(TAG.extensions, der(TAG.sequence, ...extensions)),
  );
  const signer: KeyObject = issuer === undefined ? privateKey : createPrivateKey(issuer.key);
  const signature = der(TAG.bits, Buffer.from([0]), sign('sha256', toBeSigned, signer));
  const whole = der(TAG.sequence, toBeSigned, ECDSA_WITH_SHA256, signature).toString('base64');
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${whole.replaceAll(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    commonName,
  };
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function oid(...bytes: readonly number[]): Buffer {
  return der(0x06, Buffer.from(bytes));
}

function distinguishedName(commonName: string): Buffer {
  return der(TAG.sequence, der(TAG.set, der(TAG.sequence, oid(0x55, 0x04, 0x03), der(TAG.utf8, Buffer.from(commonName)))));
}

/** YYMMDDhhmmssZ. */
function time(ms: number): Buffer {
  return der(TAG.time, Buffer.from(`${new Date(ms).toISOString().replaceAll(/[-:T]|\..*/g, '').slice(2)}Z`));
}

function subjectAlternativeNames(names: readonly string[]): Buffer {
  const each = names.map((name) => (isIPv4(name) ? der(TAG.ipAddress, Buffer.from(name.split('.').map(Number))) : der(TAG.dnsName, Buffer.from(name))));
  return der(TAG.sequence, oid(0x55, 0x1d, 0x11), der(TAG.octets, der(TAG.sequence, ...each)));
}

function mayBeIssuer(): Buffer {
  return der(TAG.sequence, oid(0x55, 0x1d, 0x13), der(TAG.boolean, Buffer.from([0xff])), der(TAG.octets, der(TAG.sequence, der(TAG.boolean, Buffer.from([0xff])))));
}
