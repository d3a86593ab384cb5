import { describe, expect, test } from 'vitest';
import type { Call, Decision } from '#engine';
import { GuardedCall, guard, type GuardOptions } from './guard.ts';
import { UpstreamOpen } from './upstream-open.ts';

const ADMIT: Decision = { kind: 'admit', admitted: { incarnation: 1, generation: 3 }, slowTimeThresholdMs: 100 };
const REFUSE: Decision = { kind: 'refuse', degraded: { statusCode: 520, content: 'closed for now' }, untilMs: 12_500 };

/** A client whose clocks stand until they are told to go on. */
function stage(decision: Decision = ADMIT) {
  const [calls, problems]: [Call[], string[]] = [[], []];
  const clock = { nowMs: 10_000, monotonicMs: 5 };
  const port = {
    decide: () => decision,
    take: (call: Call) => void calls.push(call),
    refuseOutcome: (problem: string) => void problems.push(problem),
    nowMs: () => clock.nowMs,
    monotonicMs: () => clock.monotonicMs,
  };
  const run = <T>(fn: () => T | PromiseLike<T>, options: GuardOptions<T> = {}): Promise<T> => guard(GuardedCall.begin(port, 'a.test', options), fn, options);
  return { calls, problems, clock, port, run };
}

describe('a call that is let through', () => {
  test('is measured, and reported once with the stamp of its decision (G2)', async () => {
    const { run, calls, clock } = stage();
    expect(await run(() => ((clock.monotonicMs += 42), 'paid'))).toBe('paid');
    expect(calls).toEqual([{ upstream: 'a.test', result: { kind: 'ok' }, durationMs: 42, admitted: { incarnation: 1, generation: 3 }, slowTimeThresholdMs: 100 }]);
  });

  test('throws what it throws, and that is its outcome', async () => {
    const { run, calls } = stage();
    const error = Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
    await expect(run(() => Promise.reject(error))).rejects.toBe(error);
    await expect(run(() => { throw error; })).rejects.toBe(error);
    expect(calls.map(({ result }) => result)).toEqual([{ kind: 'failure', failure: 'refused' }, { kind: 'failure', failure: 'refused' }]);
  });

  test('ends but once', () => {
    const { port, calls } = stage();
    const call = GuardedCall.begin(port, 'a.test') as GuardedCall;
    call.end({ value: 1 });
    call.end({ error: new Error('late') });
    expect(calls).toHaveLength(1);
  });

  test('is classified by the program, where that says something', async () => {
    const { run, calls } = stage();
    const classify: GuardOptions<unknown>['classify'] = (ended) => ('value' in ended && ended.value === 'declined' ? { status: 503 } : undefined);
    await run(() => 'declined', { classify });
    await run(() => 'paid', { classify });
    await run(() => 'cached', { classify: () => 'none' });
    expect(calls.map(({ result }) => result)).toEqual([{ kind: 'status', code: 503 }, { kind: 'ok' }]);
  });

  test('is none of the upstream’s where its caller had gone (O3)', async () => {
    const { run, calls } = stage();
    await expect(run(() => Promise.reject(new Error('gone')), { signal: AbortSignal.abort() })).rejects.toThrow('gone');
    await run(() => 'done all the same', { signal: AbortSignal.abort() });
    expect(calls.map(({ result }) => result)).toEqual([{ kind: 'ok' }]);
  });

  test('goes on whatever is wrong with the classification, which is told', async () => {
    const { run, calls, problems } = stage();
    expect(await run(() => 1, { classify: () => ({ status: 700 }) })).toBe(1);
    expect(await run(() => 2, { classify: () => { throw new Error('a bug'); } })).toBe(2);
    expect(calls).toEqual([]);
    expect(problems).toEqual(['status is 700; allowed: a whole number from 100 to 599', 'classify threw Error: a bug']);
  });
});

describe('a call that is refused', () => {
  test('is not made and not reported, and says why, for how long, and what the policy answers', async () => {
    const { run, calls } = stage(REFUSE);
    let made = 0;
    const error: unknown = await run(() => ++made).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UpstreamOpen);
    expect(error).toMatchObject({ upstream: 'a.test', state: 'open', retryAfterMs: 2_500, degraded: { statusCode: 520, content: 'closed for now' }, message: 'the breaker of a.test is open for another 2.5 s' });
    expect((error as UpstreamOpen).headers).toEqual({ 'x-fuseboard-state': 'open', 'retry-after': '3', 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
    expect([calls, made]).toEqual([[], 0]);
  });

  test('has at least a moment to wait, also where its end has come meanwhile', () => {
    const { degraded } = REFUSE;
    for (const nowMs of [5_000, 5_001, 60_000]) {
      const error = new UpstreamOpen('a.test', { kind: 'refuse', degraded, untilMs: 5_000 }, nowMs);
      expect([error.retryAfterMs, error.headers['retry-after']]).toEqual([1, '1']);
    }
  });

  test('gets the fallback where there is one', async () => {
    const { run } = stage(REFUSE);
    expect(await run(() => 'paid', { fallback: ({ degraded }) => degraded.content })).toBe('closed for now');
  });

  test('has no time to come back at where it is held open by hand', async () => {
    const { run } = stage({ kind: 'refuse', degraded: { statusCode: 409, content: '' } });
    const error = (await run(() => 1).catch((thrown: unknown) => thrown)) as UpstreamOpen;
    expect([error.retryAfterMs, 'retry-after' in error.headers]).toEqual([undefined, false]);
  });
});
