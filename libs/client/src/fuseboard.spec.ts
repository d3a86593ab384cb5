import { describe, expect, test } from 'vitest';
import { Fuseboard } from './fuseboard.ts';
import { OptionError, type Dropped, type FuseboardOptions, type OutcomeMessage } from './options.ts';

/** A client whose outcomes a test takes. */
function stage(options: Partial<FuseboardOptions> = {}) {
  const [sent, dropped]: [OutcomeMessage[], Dropped[]] = [[], []];
  const fuseboard = new Fuseboard({ send: async (messages) => void sent.push(...messages), instance: 'shop-1', onDropped: (each) => void dropped.push(each), ...options });
  const records = (): unknown[] => sent.map(({ value }) => JSON.parse(value) as unknown);
  return { fuseboard, sent, dropped, records };
}

describe('a report', () => {
  test('is a record of the outcomes topic, by its upstream in lower case (L2, L3)', async () => {
    const { fuseboard, sent, records } = stage();
    fuseboard.report({ upstream: 'Pay.Test', status: 503, durationMs: 4.5, target: '10.0.0.1:80', attempt: 2 });
    expect(await fuseboard.flush()).toBe(0);
    expect(sent[0]?.key).toBe('pay.test');
    expect(records()).toEqual([{ v: 1, id: expect.any(String), upstream: 'pay.test', at: expect.any(Number), status: 503, durationMs: 4.5, reporter: 'shop-1', target: '10.0.0.1:80', attempt: 2 }]);
  });

  test('carries the stamp of its decision; of a refusal there is none', async () => {
    const { fuseboard, records, dropped } = stage();
    fuseboard.report({ upstream: 'a.test', ok: true, decision: { kind: 'admit', admitted: { incarnation: 2, generation: 7 } } });
    fuseboard.report({ upstream: 'a.test', ok: true, decision: { kind: 'refuse', degraded: { statusCode: 409, content: '' } } });
    await fuseboard.flush();
    expect(records()).toMatchObject([{ incarnation: 2, generation: 7 }]);
    expect(dropped).toMatchObject([{ reason: 'invalid', problem: expect.stringContaining('a refused call is no outcome') }]);
  });

  test.each<[object, string]>([
    [{ status: 700 }, 'status is 700; allowed: a whole number from 100 to 599'],
    [{ failure: 'tired' }, 'failure is "tired"; allowed: refused, reset, timeout, dns, tls, bad-response'],
    [{}, 'exactly one of status, grpcStatus, failure, ok is required; none of them is there'],
    [{ ok: true, status: 200 }, 'exactly one of status, grpcStatus, failure, ok is required; status and ok are there'],
    [{ ok: true, upstream: '' }, 'upstream: allowed: 1 to 259 characters'],
    [{ ok: true, durationMs: -1 }, 'durationMs: found -1, allowed: a number from 0'],
  ])('that breaks the table (%o) is dropped and said, and never throws', async (of, problem) => {
    const { fuseboard, sent, dropped } = stage();
    fuseboard.report({ upstream: 'a.test', ...of } as never);
    await fuseboard.flush();
    expect([sent, dropped]).toEqual([[], [{ reason: 'invalid', count: 1, problem }]]);
    expect(fuseboard.standing.dropped).toBe(1);
  });

  test('of a guarded call whose upstream has no name, or none that can be one, is dropped and said as well, and the call is made', async () => {
    const { fuseboard, sent, dropped } = stage();
    for (const upstream of ['', 'x'.repeat(260)]) expect(await fuseboard.guard(upstream, () => 'made')).toBe('made');
    await fuseboard.flush();
    const invalid = { reason: 'invalid', count: 1, problem: 'upstream: allowed: 1 to 259 characters' };
    expect([sent, dropped]).toEqual([[], [invalid, invalid]]);
  });

  test('that fails is sent again with the same id and content (L4)', async () => {
    const tries: string[][] = [];
    const { fuseboard } = stage({
      send: async (messages) => {
        tries.push(messages.map(({ value }) => value));
        if (tries.length === 1) throw new Error('no broker');
      },
    });
    fuseboard.report({ upstream: 'a.test', ok: true });
    fuseboard.start();
    expect(await fuseboard.flush(10_000)).toBe(0);
    expect(tries[1]).toEqual(tries[0]);
    await fuseboard.close();
  });
});

describe('closing', () => {
  test('gives up at its deadline, and says what was not told and what comes too late', async () => {
    const { fuseboard, dropped } = stage({ send: () => new Promise(() => {}) });
    for (let i = 0; i < 3; i++) fuseboard.report({ upstream: 'a.test', ok: true });
    await fuseboard.close(1);
    fuseboard.report({ upstream: 'a.test', ok: true });
    expect(dropped).toEqual([{ reason: 'unsent', count: 3 }, { reason: 'closed', count: 1 }]);
    expect(fuseboard.standing).toMatchObject({ waiting: 3, dropped: 4 });
  });

  test('comes by itself where `await using` ends', async () => {
    const { fuseboard, dropped } = stage();
    await fuseboard[Symbol.asyncDispose]();
    fuseboard.report({ upstream: 'a.test', ok: true });
    expect(dropped).toEqual([{ reason: 'closed', count: 1 }]);
  });

  test('rejects who waits for the states', async () => {
    const { fuseboard } = stage({ consoles: '127.0.0.1:1' });
    const ready = fuseboard.ready();
    await Promise.all([expect(ready).rejects.toThrow('closed'), fuseboard.close()]);
  });
});

test('what finds no room is dropped, counted and said, and the call goes on', async () => {
  const { fuseboard, dropped } = stage({ send: () => new Promise(() => {}) });
  fuseboard.start();
  for (let i = 0; i < 20_000; i++) fuseboard.report({ upstream: `${i}.test`, ok: true });
  expect(await fuseboard.guard('a.test', () => 'made')).toBe('made');
  await expect.poll(() => dropped).toEqual([{ reason: 'full', count: expect.any(Number) }]);
  expect(fuseboard.standing).toMatchObject({ waiting: 20_001 - Number(dropped[0]?.count), dropped: expect.any(Number) });
  await fuseboard.close(1);
});

test('a listener of the program’s that throws fails no call', async () => {
  const { fuseboard } = stage({ onDropped: () => { throw new Error('a bug'); } });
  fuseboard.report({ upstream: 'a.test', status: 700 });
  expect(await fuseboard.guard('a.test', () => 'made')).toBe('made');
});

test('without a console nothing can be asked, and the option is named', async () => {
  await expect(stage().fuseboard.get('a.test')).rejects.toThrow(new OptionError('consoles: not given, so there is no console to ask'));
});

test('with nothing known every call passes, without a stamp (G3)', () => {
  const { fuseboard } = stage();
  expect(fuseboard.decide('A.test')).toEqual({ kind: 'admit' });
  expect(fuseboard.standing).toMatchObject({ isKnown: false, because: 'the states have not come yet', stateAgeMs: Infinity });
});
