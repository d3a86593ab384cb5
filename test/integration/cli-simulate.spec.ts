import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { simulate, type SimulateCommand } from '../../apps/cli/src/commands/simulate.ts';
import { run } from '../support/command.ts';
import { projectRoot } from '../support/project-root.ts';

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

  it('reads files one after the other, packed by gzip or not, and standard input, takes a .yaml file for a policy, and every call for one of --upstream', async () => {
    const other = file('other.yaml', policy('other', 'errorAmountThreshold: 3', 'other.test'));
    const lines = CALLS.split('\n');
    const first = file('first.jsonl.gz', Buffer.concat([gzipSync(`${lines.slice(0, 2).join('\n')}\n`), gzipSync(lines.slice(2, 5).join('\n'))]));
    const { stdout, stderr } = await run(['simulate', first, '-', other, '--upstream', 'Other.test', '-o', 'yaml'], { input: lines.slice(5).join('\r\n') });
    expect(stderr).toBe('');
    expect(parse(stdout)).toMatchObject({ policies: [{ name: 'other', ledger: LEDGER, transitions: [{ upstream: 'other.test', place: `${first}:4` }, {}, { place: '-:4' }, {}] }] });
  });

  it("counts lines that can't be read, names the first of them, and with --strict fails", async () => {
    const strict = file('strict.yaml', policy('strict', 'errorAmountThreshold: 3'));
    const calls = file('broken.jsonl', `${CALLS}\nnonsense\n${call(20, { status: 42 })}`);
    const lax = await run(['simulate', '-f', strict, calls, '-o', 'json']);
    expect(lax.status).toBe(0);
    expect(JSON.parse(lax.stdout)).toMatchObject({ policies: [{ ledger: LEDGER }] });
    expect(lax.stderr).toContain(`2 lines can't be read:\n  ${calls}:11: the value is not JSON`);
    expect(lax.stderr).toContain(`${calls}:12: status is 42; allowed: a whole number from 100 to 599\n`);
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

  it('says what is wrong with a policy, a file, or the command line', async () => {
    const good = file('good.yaml', policy('good', 'errorAmountThreshold: 3'));
    const both = file('both.yaml', `${policy('a', 'errorAmountThreshold: 1', 'a.test')}---\n${policy('b', 'slowAmountThreshold: 1', 'b.test')}`);
    const asked = { env: {}, policies: [good], inputs: ['-'], format: 'auto', seed: 1, strict: false, failIf: [], output: 'json' } as const;
    const refusals: [Partial<SimulateCommand>, 1 | 2, RegExp][] = [
      [{ policies: [file('bad.yaml', policy('bad', 'errorAmountThreshold: many'))] }, 1, /bad\.yaml:6:\d+: UpstreamTrafficSetting shop\/bad: .*errorAmountThreshold: found "many"/],
      [{ policies: [file('limits.yaml', policy('limits', '').replace(/connectionSettings.*/, ''))] }, 1, /limits\.yaml: no document in it has circuitBreaking/],
      [{ policies: [] }, 2, /no policy is given; allowed: -f FILE/],
      [{ inputs: ['gone.log'] }, 1, /^gone\.log can't be read: ENOENT/],
      [{ inputs: [directory] }, 1, /is a directory; allowed: files, or - for standard input/],
      [{ inputs: [file('torn.gz', gzipSync(CALLS).subarray(0, 100))] }, 1, /torn\.gz can't be read: unexpected end of file/],
      [{ inputs: [] }, 2, /there are no calls to simulate with; allowed: FILE…/],
      [{ inputs: [], fromMs: 1 }, 2, /--from reads the log; allowed: one UPSTREAM beside it, found 0/],
      [{ generate: 'rate=1' }, 2, /--generate makes the calls; allowed: no FILE/],
      [{ toMs: 1 }, 2, /--to is the end of a span of the log; allowed: with --from/],
      [{ inputs: [], generate: 'rate=1', policies: [both] }, 2, /--generate: the policies name several upstreams; allowed: --upstream NAME/],
      [{ inputs: [join(projectRoot(), 'docs/examples/access.log')], policies: [both] }, 2, /access\.log: its lines \(nginx access log\) name no upstream, and the policies name several; allowed: --upstream NAME/],
      [{ inputs: [file('prose.txt', 'one\ntwo\n')] }, 1, /prose\.txt:1: it is of no format that is known; allowed: --format auto[^]*no line could be read/],
      [{ inputs: [file('torn.jsonl', `${CALLS}{\n`)], strict: true }, 1, /torn\.jsonl:10: the value is not JSON[^]*--strict: this ends it/],
    ];
    for (const [over, exitCode, message] of refusals) await expect(simulate({ ...asked, ...over })).rejects.toMatchObject({ exitCode, message: expect.stringMatching(message) as string });
  });

  it('ends with 3 where a --fail-if holds of a policy, and says of which and why', async () => {
    const strict = file('strict.yaml', policy('strict', 'errorAmountThreshold: 3'));
    const lenient = file('lenient.yaml', policy('lenient', 'errorAmountThreshold: 100'));
    const { status, stdout, stderr } = await run(['simulate', '-f', strict, '-f', lenient, '--fail-if', 'refused_good > 1%', '--fail-if', 'trips > 5', '-'], { input: CALLS });
    expect([status, stderr]).toEqual([3, "strict: refused_good is 7.143 % of 14 calls: --fail-if 'refused_good > 1%'\n"]);
    expect(stdout).toContain('strict would have opened shop.local 2 times');
    const strangers = await run(['simulate', '-f', file('other.yaml', policy('other', 'errorAmountThreshold: 3', 'other.test')), '--fail-if', 'trips > 5', '-'], { input: CALLS });
    expect(strangers.status).toBe(1);
    expect(strangers.stderr).toContain('14 calls are of upstreams that no policy names (such as shop.local); the policies name other.test');
  });

  it('says that there is no call to try a policy on, and ends with 1 where something was to be judged', async () => {
    const [empty, strict] = [file('empty.log', ''), file('strict.yaml', policy('strict', 'errorAmountThreshold: 3'))];
    const [shown, judged, unread] = await Promise.all([[], ['--fail-if', 'trips > 4'], ['--strict']].map((more) => run(['simulate', '-f', strict, ...more, empty])));
    expect([shown?.status, shown?.stdout]).toEqual([0, 'there is no call to try a policy on\n']);
    expect([judged, unread].map((each) => [each?.status, each?.stderr])).toEqual(Array.from({ length: 2 }, () => [1, 'nothing was judged, so nothing can be said\n']));
  });

  it('makes calls by --generate', async () => {
    const strict = file('strict.yaml', policy('strict', 'errorAmountThreshold: 3'));
    const { stdout } = await run(['simulate', '-f', strict, '--generate', 'rate=10,for=60s,errors=0%,burst=30s+1s:100%', '-o', 'json']);
    const at = Date.UTC(2026, 0, 1) + 30_200;
    expect(JSON.parse(stdout)).toMatchObject({ policies: [{ transitions: [{ at, to: 'open', place: 'call 303' }, { at: at + 10_000 }], ledger: { calls: 600, refused: 99, keptErrors: 7, refusedGood: 92 } }] });
  });

  it('has in its table the share of the time that the calls took, not of what comes after them', async () => {
    const { stdout } = await run(['simulate', '-f', file('share.yaml', policy('share', 'errorAmountThreshold: 3')), file('share.jsonl', CALLS)]);
    expect(stdout).toMatch(/^open +20s +76\.9 %$/m);
  });

  it('prints what README.md and docs/simulate.md show', async () => {
    const [shown, again] = ['README.md', 'docs/simulate.md'].map((page) => /^\$ npx fuseboard (simulate .*)\n([^`]*)/m.exec(readFileSync(join(projectRoot(), page), 'utf8'))?.slice(1));
    const { status, stdout } = await run((shown?.[0] ?? '').split(' '), { cwd: projectRoot() });
    expect([status, stdout]).toEqual([0, shown?.[1]]);
    expect(again).toEqual(shown);
  });
});

describe('its table', () => {
  const RED = '\u001b[31m';
  const ARGS = ['simulate', '-f', 'docs/examples/eager.yaml', 'docs/examples/access.log'];

  /** On a terminal of its own. */
  function shownOn(env: Readonly<Record<string, string>>, columns = 200): string {
    const { NO_COLOR: _, FORCE_COLOR: __, CI: ___, ...inherited } = process.env;
    const command = `stty cols ${columns}; ${[process.execPath, 'bin/fuseboard.mjs', ...ARGS].join(' ')}`;
    return execFileSync('script', ['-qec', command, '/dev/null'], { cwd: projectRoot(), encoding: 'utf8', env: { ...inherited, TERM: 'xterm', ...env } });
  }

  it('has a picture that fits into a terminal', () => {
    const marks = (columns: number): string | undefined => /^errors +([▁-█]+) /m.exec(shownOn({ NO_COLOR: '1' }, columns))?.[1];
    expect([200, 80].map((columns) => marks(columns)?.length)).toEqual([94, 47]);
  });

  it('has colours on a terminal, unless NO_COLOR is set', () => {
    expect([shownOn({}).includes(RED), shownOn({ NO_COLOR: '1' }).includes(RED)]).toEqual([true, false]);
  });

  it('has none in a pipe, unless FORCE_COLOR is set', async () => {
    const absolute = ARGS.map((arg) => (arg.startsWith('docs/') ? join(projectRoot(), arg) : arg));
    const [plain, forced] = await Promise.all([run(absolute), run(absolute, { env: { FORCE_COLOR: '1' } })]);
    expect([plain.stdout.includes(RED), forced.stdout.includes(RED)]).toEqual([false, true]);
  });
});
