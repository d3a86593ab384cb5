import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { StartError, readListenerTls, renewListenerTls, type ListenerPem, type TlsFiles } from '#runtime';
import { makeCertificate, type Certificate } from '../support/certificate.ts';
import { Cleanup } from '../support/data-plane.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

interface Folder {
  readonly files: TlsFiles;
  readonly write: (of: Partial<Certificate> & { readonly ca?: string }) => void;
}

const VARIABLES = { cert: 'FUSEBOARD_PROXY_TLS_CERT', key: 'FUSEBOARD_PROXY_TLS_KEY', ca: 'FUSEBOARD_PROXY_TLS_CA' } as const;

function folder(): Folder {
  const directory = mkdtempSync(join(tmpdir(), 'fuseboard-tls-'));
  cleanup.add(() => rmSync(directory, { recursive: true }));
  const files = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem'), ca: join(directory, 'ca.pem'), variables: VARIABLES };
  return {
    files,
    write: (of) => {
      for (const which of ['cert', 'key', 'ca'] as const) if (of[which] !== undefined) writeFileSync(files[which], of[which]);
    },
  };
}

const one = makeCertificate({ commonName: 'one.test' });
const other = makeCertificate({ commonName: 'other.test' });

describe('the listeners’ certificate', () => {
  it('is read with its key and with whom clients are signed by', () => {
    const { files, write } = folder();
    write({ ...one, ca: other.cert });
    const { cert, key, ca } = readListenerTls(files);
    expect([cert, key, ca].map(String)).toEqual([one.cert, one.key, other.cert]);
  });

  it.each<[string, Parameters<Folder['write']>[0], RegExp]>([
    ['is missing', {}, /^FUSEBOARD_PROXY_TLS_CERT: .*cert\.pem can't be read: ENOENT/],
    ['is no certificate', { cert: 'nonsense', key: one.key }, /^FUSEBOARD_PROXY_TLS_CERT: .*cert\.pem holds no certificate in PEM/],
    ['has a key that is none', { cert: one.cert, key: one.cert }, /^FUSEBOARD_PROXY_TLS_KEY: .*key\.pem holds no private key without a password in PEM/],
    ['has another one’s key', { cert: one.cert, key: other.key, ca: one.cert }, /^FUSEBOARD_PROXY_TLS_CERT and FUSEBOARD_PROXY_TLS_KEY: .*cert\.pem and .*key\.pem can't be used together/],
    ['has authorities that are none', { ...one, ca: one.key }, /^FUSEBOARD_PROXY_TLS_CA: .*ca\.pem holds no certificate in PEM/],
  ])('that %s stops the start and names variable and file', (_, written, message) => {
    const { files, write } = folder();
    write(written);
    expect(() => readListenerTls(files)).toThrow(StartError);
    expect(() => readListenerTls(files)).toThrow(message);
  });

  it('is used anew when its files change, and a change that can’t be used is said once and changes nothing', async () => {
    const { files, write } = folder();
    write({ ...one, ca: one.cert });
    const [used, lines]: [ListenerPem[], string[]] = [[], []];
    const logger = { info: (line: string) => void lines.push(line), error: (line: string) => void lines.push(line) };
    cleanup.add(renewListenerTls({ files, tls: readListenerTls(files), use: (tls) => used.push(tls), logger: logger as never, eachMs: 5 }));
    // Between the two writes the pair doesn't fit.
    write({ cert: other.cert });
    await vi.waitFor(() => expect(lines).toEqual([expect.stringMatching(/can't be used together.*; the certificate of FUSEBOARD_PROXY_TLS_CERT before stays$/)]));
    expect(used).toEqual([]);
    write({ key: other.key });
    await vi.waitFor(() => expect(used.map(({ cert }) => String(cert))).toEqual([other.cert]));
    expect(lines).toEqual([expect.anything(), expect.stringMatching(/^the certificate of FUSEBOARD_PROXY_TLS_CERT is renewed, valid until /)]);
  });
});
