import { expect, test } from 'vitest';
import { Health } from '#runtime';
import { observe } from './observer.ts';

function observed() {
  const lines: string[] = [];
  const say = (_: object, line?: string): void => void lines.push(line ?? '');
  const nothing = (): void => {};
  const metrics = { folded: nothing, commit: (answer: string, group: string) => void commits.push(`${answer} ${group}`), transition: nothing, logLost: (kind: string, handling: string) => void losses.push(`${kind} ${handling}`) };
  const losses: string[] = [];
  const commits: string[] = [];
  const health = new Health();
  return { lines, losses, commits, health, observer: observe({ logger: { warn: say, info: say, error: say } as never, metrics: metrics as never, health }, 'ingest') };
}

test('records that can’t be read are said, with where the reason stands, once in a while', () => {
  const { lines, observer } = observed();
  for (const dead of [0, 3, 2]) observer.folded(4, { tally: { dead }, transitions: [] } as never);
  expect(lines).toEqual(['records could not be read and are among the dead letters, with the reason (docs/producers.md)']);
});

test('L3: outcomes of names without a policy are said, though it be a flood of them, once in a while', () => {
  const { lines, observer } = observed();
  for (let batch = 0; batch < 1_000; batch++) observer.folded(4, { tally: { unknown: 1_000 }, transitions: [] } as never);
  expect(lines).toEqual([expect.stringMatching(/^outcomes name upstreams without a policy .* nothing is kept for them .*unknown-upstream/)]);
});

test('L2: misrouted outcomes are said with what their producer must set, once in a while', () => {
  const { lines, observer } = observed();
  const record = { upstream: 'a', reporter: 'billing', count: 1, value: new Uint8Array(), partition: 1, offset: 2 };
  observer.sentOn([record]);
  observer.sentOn([record, record]);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/key = upstream.*murmur2/);
});

const LOSS = { partition: 3, kind: 'cut', what: 'the log was cut: it begins at 120, needed from 80', from: 80, fromMs: 1_790_000_000_000, bounds: { first: 120, next: 480 } } as const;

test('V1: a lost log is said with offsets and time, with what is done about it, and counted', () => {
  const { lines, losses, health, observer } = observed();
  observer.lost?.(LOSS, 'checkpoint');
  observer.lost?.({ ...LOSS, bounds: { first: 0, next: 0 } }, 'cold');
  expect(losses).toEqual(['cut checkpoint', 'cut cold']);
  expect(lines[0]).toBe(
    'partition 3: the log was cut: it begins at 120, needed from 80 (folded up to 2026-09-21T14:13:20.000Z); the log has 120 to 479: ' +
      'it goes on from a checkpoint, so that nothing is lost (FUSEBOARD_LOST_LOG, docs/operations.md)',
  );
  expect(lines[1]).toContain('the log is empty: every breaker begins closed and empty');
  expect(health.ready().ok).toBe(true);
});

test('V1 stop: a partition that is left alone is said and counted once, and keeps the process from being ready until it is ours again', () => {
  const { lines, losses, health, observer } = observed();
  for (let tries = 0; tries < 3; tries++) {
    observer.lost?.(LOSS, 'stop');
    observer.leftAlone?.(3, 'nothing is folded');
  }
  expect([losses, lines.length, lines[1]]).toEqual([['cut stop'], 2, 'nothing is folded']);
  expect(health.ready()).toMatchObject({ ok: false, body: { missing: [{ name: 'partition 3', reason: 'nothing is folded' }] } });
  observer.claimed?.(3);
  expect(health.ready().ok).toBe(true);
  observer.lost?.(LOSS, 'stop');
  expect(losses).toHaveLength(2);
});

test.each([['ALREADY', 'its reply was lost'], ['FENCED', 'taken over'], ['AHEAD', 'folded further'], ['REGRESSED', 'written again']] as const)('K2: %s is a line that a person understands, and a count', (kind, words) => {
  const { lines, commits, observer } = observed();
  observer.committed(2, kind === 'AHEAD' ? { kind, next: 7 } : { kind });
  observer.committed(2, { kind: 'OK' });
  expect(lines).toEqual([expect.stringMatching(new RegExp(`^partition 2: .*${words}.*\\(commit answered ${kind}, docs/operations.md\\)$`))]);
  expect(commits).toEqual([`${kind} ingest`, 'OK ingest']);
});
