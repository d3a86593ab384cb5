import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { readConfig } from '../config.ts';
import { Gates, type Asked, type Gate, type Verdict } from './gate.ts';

type Env = Readonly<Record<string, string>>;

function gates(env: Env, monotonicMs?: () => number): Gates {
  return new Gates(readConfig({ role: 'standalone', argv: [], env }).access, monotonicMs);
}

function gate(host: string, env: Env = {}): Gate {
  return gates(env).at(host);
}

function asked(of: Partial<Asked> | string = {}): Asked {
  return { authorization: undefined, peer: '192.0.2.7', ...(typeof of === 'string' ? { authorization: `Bearer ${of}` } : of) };
}

const whyOf = (verdict: Verdict): string => (verdict.admitted ? 'admitted' : verdict.why);

describe('on loopback', () => {
  it('no token is needed, even where one is configured', () => {
    for (const own of [gate('127.0.0.1'), gate('::1', { FUSEBOARD_TOKEN: 't' })]) {
      expect([own.judge(asked(), 'read').admitted, own.judge(asked(), 'write').admitted]).toEqual([true, true]);
    }
  });

  it.each(['localhost', 'LOCALHOST:8090', 'fuse.localhost:1', '127.0.0.1:8090', '[::1]:8090', '10.0.0.9'])('who asks for it as %s is a person here', (host) => {
    expect(gate('127.0.0.1').judge(asked({ host }), 'write').admitted).toBe(true);
  });

  it.each(['evil.test', 'evil.test:8090', 'localhost.evil.test', '127.0.0.1.evil.test', ''])('who asks for it as "%s" may be a page of another site, and needs the token', (host) => {
    const own = gate('127.0.0.1', { FUSEBOARD_TOKEN: 'hush' });
    const verdict = own.judge(asked({ host }), 'read');
    expect(verdict).toMatchObject({ admitted: false, why: 'unauthenticated', reason: expect.stringContaining(`asked for as "${host}"; on loopback allowed: by an address, as localhost, or with a token`) as string });
    expect(own.judge({ ...asked('hush'), host }, 'write').admitted).toBe(true);
  });
});

describe('beyond loopback', () => {
  const NEEDED = { admitted: false, why: 'unauthenticated', reason: 'a bearer token is needed (FUSEBOARD_TOKEN)' };

  it('the token opens reads and writes, and nothing else does', () => {
    const own = gate('0.0.0.0', { FUSEBOARD_TOKEN: 'hush' });
    for (const call of ['read', 'write'] as const) {
      expect(own.judge(asked('hush'), call).admitted).toBe(true);
      expect(own.judge(asked({ authorization: 'bearer hush' }), call).admitted).toBe(true);
      expect(own.judge(asked(), call)).toEqual(NEEDED);
      expect(own.judge(asked({ authorization: 'Basic hush' }), call).admitted).toBe(false);
      expect(own.judge(asked('hus'), call)).toEqual({ ...NEEDED, reason: 'the bearer token is not the one that is configured' });
    }
  });

  it('a token of FUSEBOARD_READ_TOKEN reads and may not write', () => {
    const own = gate('0.0.0.0', { FUSEBOARD_TOKEN: 'hush', FUSEBOARD_READ_TOKEN: 'look' });
    expect(own.judge(asked('look'), 'read')).toEqual({ admitted: true, mayWrite: false });
    expect(own.judge(asked('look'), 'write')).toEqual({ admitted: false, why: 'forbidden', reason: 'this token may only read; writes need one of FUSEBOARD_TOKEN' });
  });

  it('each of several tokens does, so that one can take another’s place', () => {
    const own = gate('0.0.0.0', { FUSEBOARD_TOKEN: 'new old' });
    expect(['new', 'old', 'new old'].map((token) => own.judge(asked(token), 'write').admitted)).toEqual([true, true, false]);
  });

  it('FUSEBOARD_ANONYMOUS=read lets reads pass, and writes with the token alone', () => {
    const own = gate('0.0.0.0', { FUSEBOARD_TOKEN: 'hush', FUSEBOARD_ANONYMOUS: 'read' });
    expect(own.judge(asked(), 'read').admitted).toBe(true);
    expect(own.judge(asked(), 'write').admitted).toBe(false);
    expect(own.judge(asked('hush'), 'write').admitted).toBe(true);
  });

  it('without a token nothing is ever written', () => {
    const own = gate('0.0.0.0', { FUSEBOARD_ANONYMOUS: 'read' });
    expect(own.judge(asked('anything'), 'read').admitted).toBe(true);
    expect(own.judge(asked('anything'), 'write')).toMatchObject({ reason: 'nothing but reads is allowed here, because no token is configured (FUSEBOARD_TOKEN)' });
  });
});

describe('a certificate', () => {
  const TLS = { FUSEBOARD_CONSOLE_TLS_CERT: 'c', FUSEBOARD_CONSOLE_TLS_KEY: 'k', FUSEBOARD_CONSOLE_TLS_CA: 'a' };

  it('does in place of a token: it reads, and writes where its name is among the writers', () => {
    const own = gate('0.0.0.0', { ...TLS, FUSEBOARD_CONSOLE_TLS_WRITERS: 'alice, spiffe://fleet/oncall' });
    const judged = (...certificateNames: string[]): string[] => (['read', 'write'] as const).map((call) => whyOf(own.judge(asked({ certificateNames }), call)));
    expect([judged('alice'), judged('bob', 'spiffe://fleet/oncall'), judged('bob'), judged()]).toEqual([
      ['admitted', 'admitted'],
      ['admitted', 'admitted'],
      ['admitted', 'forbidden'],
      ['admitted', 'forbidden'],
    ]);
  });

  it('that only reads reads beside a token that is none, and is not told that it may write', () => {
    const own = gate('0.0.0.0', { ...TLS, FUSEBOARD_TOKEN: 'hush' });
    const judged = (token: string): Verdict => own.judge({ ...asked(token), certificateNames: ['bob'] }, 'read');
    expect([judged('wrong'), judged('hush')]).toEqual([{ admitted: true, mayWrite: false }, { admitted: true, mayWrite: true }]);
  });

  it('that only reads writes with a token beside it', () => {
    const own = gate('0.0.0.0', { ...TLS, FUSEBOARD_TOKEN: 'hush' });
    expect(own.judge({ ...asked('hush'), certificateNames: ['bob'] }, 'write').admitted).toBe(true);
  });
});

describe('an address that tries tokens', () => {
  it('is not heard after ten wrong ones, not even with the right one, until it has waited; others are', () => {
    let nowMs = 0;
    const own = gates({ FUSEBOARD_TOKEN: 'hush' }, () => nowMs).at('0.0.0.0');
    const from = (peer: string, token: string): string => whyOf(own.judge({ ...asked(token), peer }, 'read'));
    for (let tried = 0; tried < 10; tried += 1) expect(from('192.0.2.1', 'wrong')).toBe('unauthenticated');
    expect([from('192.0.2.1', 'wrong'), from('192.0.2.1', 'hush'), from('192.0.2.2', 'hush')]).toEqual(['too-many', 'too-many', 'admitted']);
    expect(own.judge({ ...asked('hush'), peer: '192.0.2.1' }, 'read')).toMatchObject({ retryAfterSeconds: 6 });
    nowMs = 6_000;
    expect([from('192.0.2.1', 'wrong'), from('192.0.2.1', 'hush')]).toEqual(['unauthenticated', 'too-many']);
    nowMs = 200_000;
    expect(from('192.0.2.1', 'hush')).toBe('admitted');
  });

  it('is forgotten when ten thousand others have tried since: what is remembered is bounded', () => {
    const own = gates({ FUSEBOARD_TOKEN: 'hush' }, () => 0).at('0.0.0.0');
    const from = (peer: string, token: string): string => whyOf(own.judge({ ...asked(token), peer }, 'read'));
    for (let tried = 0; tried < 10; tried += 1) from('192.0.2.1', 'wrong');
    for (let n = 0; n < 9_999; n += 1) from(`10.0.${n >> 8}.${n & 255}`, 'wrong');
    expect(from('192.0.2.1', 'hush')).toBe('too-many');
    from('10.1.0.0', 'wrong');
    expect(from('192.0.2.1', 'hush')).toBe('admitted');
  });

  it('is its /64 in IPv6', () => {
    const own = gates({ FUSEBOARD_TOKEN: 'hush' }, () => 0).at('0.0.0.0');
    for (let tried = 0; tried < 10; tried += 1) own.judge({ ...asked('wrong'), peer: `2001:db8::${tried}` }, 'read');
    const heard = ['2001:db8:0:0:9::1', '2001:db8:0:1::1', '2001:db8:1::'].map((peer) => whyOf(own.judge({ ...asked('hush'), peer }, 'read')));
    expect(heard).toEqual(['too-many', 'admitted', 'admitted']);
  });
});

describe('a file of tokens', () => {
  it('is read anew for what this process shows to others: the first of them, and the one before while it can’t be read', () => {
    const directory = mkdtempSync(join(tmpdir(), 'fuseboard-tokens-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const path = join(directory, 'tokens');
    writeFileSync(path, 'old\n');
    const { write: source } = readConfig({ role: 'standalone', argv: [], env: { FUSEBOARD_TOKEN_FILE: path } }).access.tokens;
    const shown = ['old\n', 'new\nold\n', 'sécret\n'].map((text) => (writeFileSync(path, text), source?.shown().reveal()));
    expect(shown).toEqual(['old', 'new', 'new']);
  });

  it('is read again, and what can’t be read leaves those before', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'fuseboard-tokens-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const path = join(directory, 'tokens');
    writeFileSync(path, 'old\n');
    const process = gates({ FUSEBOARD_TOKEN_FILE: path });
    const own = process.at('0.0.0.0');
    const lines: string[] = [];
    onTestFinished(process.keepRenewed({ info: (line: string) => void lines.push(line), error: (line: string) => void lines.push(line) } as never, 5));
    const admitted = (): boolean[] => ['old', 'new'].map((token) => own.judge({ ...asked(token), peer: String(Math.random()) }, 'write').admitted);
    expect(admitted()).toEqual([true, false]);
    writeFileSync(path, 'new\nold\n');
    await vi.waitFor(() => expect(admitted()).toEqual([true, true]));
    writeFileSync(path, 'new\n');
    await vi.waitFor(() => expect(admitted()).toEqual([false, true]));
    writeFileSync(path, 'sécret\n');
    await vi.waitFor(() => expect(lines.at(-1)).toMatch(/^FUSEBOARD_TOKEN_FILE: .*tokens holds something that is none of those .*; the set of tokens before stays$/));
    expect([admitted(), lines.join().includes('sécret')]).toEqual([[false, true], false]);
  });
});
