import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { run } from '../support/command.ts';

let directory: string;
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'fuseboard-simulate-'))));
afterAll(() => rmSync(directory, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

const T = 1_790_000_000_000;

function policy(name: string, circuitBreaking: string, host = 'shop.local'): string {
  return `apiVersion: policy.openservicemesh.io/v1alpha1
kind: UpstreamTrafficSetting
metadata: { name: ${name}, namespace: shop }
spec:
  host: ${host}
  connectionSettings: { http: { circuitBreaking: { degradedTimeWindow: 10s, ${circuitBreaking} } } }
`;
}

const call = (seconds: number, over: object = { status: 200 }): string =>
  `${JSON.stringify({ v: 1, upstream: 'shop.local', at: T + seconds * 1_000, reporter: 'r', ...over })}\n`;
const error = { status: 503 };

/** Trips at its third error; until 12 s one call of each kind is refused; then closed, and open again at the end. */
const CALLS = [call(0, error), call(1, error), call(1.5), call(2, { failure: 'reset' }), call(3), call(4, { status: 200, durationMs: 9_000 }), call(5, { ...error, count: 4 }), call(12), call(13, { ...error, count: 3 })].join('');

const LEDGER = { calls: 14, refused: 6, refusedGood: 1, keptErrors: 4, keptSlow: 1, openMs: 20_000 };

describe('fuseboard simulate', () => {
  it('prints as JSON what each policy would have done, and what that comes to', async () => {
    const strict = file('strict.yaml', policy('strict', 'errorAmountThreshold: 3'));
    const lenient = file('lenient.yaml', policy('lenient', 'errorAmountThreshold: 100'));
    const calls = file('calls.jsonl', CALLS);
    const { status, stdout, stderr } = await run(['simulate', '-f', strict, '-f', lenient, calls, '-o', 'json']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const closed = { upstream: 'shop.local', from: 'open', to: 'closed', window: { total: 0, errors: 0, slow: 0 }, reason: 'its time is over' };
    const opened = { upstream: 'shop.local', from: 'closed', to: 'open' };
    expect(JSON.parse(stdout)).toEqual({
      policies: [
        {
          name: 'strict',
          transitions: [
            { ...opened, at: T + 2_000, window: { startedAt: T, total: 4, errors: 3, slow: 0 }, reason: '3 errors of 4 calls reached errorAmountThreshold 3', place: `${calls}:4` },
            { ...closed, at: T + 12_000 },
            { ...opened, at: T + 13_000, window: { startedAt: T + 12_000, total: 4, errors: 3, slow: 0 }, reason: '3 errors of 4 calls reached errorAmountThreshold 3', place: `${calls}:9` },
            { ...closed, at: T + 23_000 },
          ],
          ledger: LEDGER,
        },
        { name: 'lenient', transitions: [], ledger: { ...LEDGER, refused: 0, refusedGood: 0, keptErrors: 0, keptSlow: 0, openMs: 0 } },
      ],
    });
  });

  it('reads files one after the other, packed by gzip or not, and standard input, and takes a .yaml file for a policy', async () => {
    const strict = file('strict.yaml', policy('strict', 'errorAmountThreshold: 3'));
    const lines = CALLS.split('\n');
    const first = file('first.jsonl.gz', Buffer.concat([gzipSync(`${lines.slice(0, 2).join('\n')}\n`), gzipSync(lines.slice(2, 5).join('\n'))]));
    const { stdout, stderr } = await run(['simulate', first, '-', strict, '-o', 'yaml'], { input: lines.slice(5).join('\r\n') });
    expect(stderr).toBe('');
    expect(parse(stdout)).toMatchObject({ policies: [{ name: 'strict', ledger: LEDGER, transitions: [{ place: `${first}:4` }, {}, { place: '-:4' }, {}] }] });
  });

  it("counts lines that can't be read, names the first of them, and with --strict fails", async () => {
    const strict = file('strict.yaml', policy('strict', 'errorAmountThreshold: 3'));
    const calls = file('broken.jsonl', `${CALLS}\nnonsense\n${call(20, { status: 42 })}`);
    const lax = await run(['simulate', '-f', strict, calls, '-o', 'json']);
    expect(lax.status).toBe(0);
    expect(JSON.parse(lax.stdout)).toMatchObject({ policies: [{ ledger: LEDGER }] });
    expect(lax.stderr).toContain(`2 lines can't be read:\n  ${calls}:11: the value is not JSON`);
    expect(lax.stderr).toContain(`${calls}:12: status is 42; allowed: a whole number from 100 to 599\n`);
    const refused = await run(['simulate', '-f', strict, calls, '--strict']);
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toContain("2 lines can't be read");
  });

  it('folds calls of several upstreams under the policies of one file, each with its own ledger', async () => {
    const both = file('both.yaml', `${policy('a', 'errorAmountThreshold: 1', 'a.test')}---\n${policy('b', 'slowAmountThreshold: 1', 'b.test')}`);
    const input = [call(0, { upstream: 'A.test', status: 500 }), call(1, { upstream: 'b.test', status: 200, durationMs: 5_000 }), call(2, { upstream: 'b.test', ok: true })].join('');
    const { stdout } = await run(['simulate', '-f', both, '-', '-o', 'json'], { input });
    expect(JSON.parse(stdout)).toMatchObject({
      policies: [
        { name: 'a', transitions: [{ upstream: 'a.test', to: 'open' }, { to: 'closed' }], ledger: { calls: 1, openMs: 10_000 } },
        { name: 'b', transitions: [{ upstream: 'b.test', to: 'open' }, { to: 'closed' }], ledger: { calls: 2, refused: 1, keptErrors: 0 } },
      ],
    });
  });

  it('takes every call for one of --upstream', async () => {
    const other = file('other.yaml', policy('other', 'errorAmountThreshold: 3', 'other.test'));
    const { stdout } = await run(['simulate', '-f', other, '--upstream', 'other.test', '-', '-o', 'json'], { input: CALLS });
    expect(JSON.parse(stdout)).toMatchObject({ policies: [{ ledger: LEDGER, transitions: [{ upstream: 'other.test' }, {}, {}, {}] }] });
  });

  it('says what is wrong with a policy, a file, or the command line, and ends with 1 or 2', async () => {
    const good = file('good.yaml', policy('good', 'errorAmountThreshold: 3'));
    const bad = file('bad.yaml', policy('bad', 'errorAmountThreshold: many'));
    const [wrong, gone, nothing, none] = await Promise.all([run(['simulate', '-f', bad, '-']), run(['simulate', '-f', good, 'gone.log']), run(['simulate', '-f', good]), run(['simulate', '-'])]);
    expect([wrong.status, gone.status, nothing.status, none.status]).toEqual([1, 1, 2, 2]);
    expect(wrong.stderr).toMatch(/bad\.yaml:6:\d+: UpstreamTrafficSetting shop\/bad: .*errorAmountThreshold: found "many"/);
    expect(gone.stderr).toMatch(/^gone\.log can't be read: ENOENT/);
    expect(nothing.stderr).toContain('there is nothing to simulate with');
    expect(none.stderr).toContain('no policy is given; allowed: -f FILE');
  });
});
