import { describe, expect, it } from 'vitest';
import { Health } from './health.ts';
import { Outage } from './outage.ts';

function staged() {
  const lines: string[] = [];
  const stage = { lines, nowMs: 0, health: new Health() };
  const say = (...args: unknown[]): void => void lines.push(String(args.at(-1)));
  const outage = new Outage({ what: 'Kafka at k:9092', meanwhile: 'outcomes wait', logger: { warn: say, info: say }, health: stage.health, monotonicMs: () => stage.nowMs });
  return { stage, outage };
}

describe('an outage', () => {
  it('is no news before anything was tried, and the process is not ready', () => {
    const { stage } = staged();
    expect(stage.lines).toEqual([]);
    expect(stage.health.ready().ok).toBe(false);
  });

  it('is said once it has lasted a second, then each 5 s however often it is told, then when it is over', () => {
    const { stage, outage } = staged();
    for (; stage.nowMs < 12_000; stage.nowMs += 100) outage.failed(new Error('connect ECONNREFUSED\n  at stack'));
    outage.reached();
    outage.reached();
    expect(stage.lines).toEqual([
      'Kafka at k:9092 is out of reach for 1.0 s (connect ECONNREFUSED); outcomes wait; trying again',
      'Kafka at k:9092 is out of reach for 6.0 s (connect ECONNREFUSED); outcomes wait; trying again',
      'Kafka at k:9092 is out of reach for 11 s (connect ECONNREFUSED); outcomes wait; trying again',
      'Kafka at k:9092 is in reach again after 12 s',
    ]);
  });

  it('is not said when it is over within a second', () => {
    const { stage, outage } = staged();
    outage.failed(new Error('the coordinator moved'));
    stage.nowMs += 999;
    outage.failed(new Error('the coordinator moved'));
    outage.reached();
    expect(stage.lines).toEqual([]);
  });

  it('keeps the process from being ready for as long as it lasts', () => {
    const { stage, outage } = staged();
    outage.reached();
    expect([stage.health.ready().ok, outage.isOver]).toEqual([true, true]);
    outage.failed(Object.assign(new Error(''), { code: 'ECONNREFUSED' }));
    expect(stage.health.ready().body).toMatchObject({ missing: [{ name: 'Kafka at k:9092', reason: 'out of reach: ECONNREFUSED' }] });
    expect(outage.isOver).toBe(false);
    outage.reached();
    expect(stage.health.ready().ok).toBe(true);
  });
});
