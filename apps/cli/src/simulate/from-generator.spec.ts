import { describe, expect, test } from 'vitest';
import { parseGenerated, takeGenerated } from './from-generator.ts';
import type { Simulation } from './simulation.ts';

interface Made {
  readonly atMs: number;
  readonly isError: boolean;
  readonly durationMs: number;
}

function made(words: string, seed = 1): Made[] {
  const calls: Made[] = [];
  const simulation = {
    take: ({ atMs, result, durationMs }: { atMs: number; result: { code: number }; durationMs: number }) => calls.push({ atMs, isError: result.code > 499, durationMs }),
  } as unknown as Simulation;
  takeGenerated(simulation, { made: parseGenerated(words), upstream: 'a.test', seed });
  return calls;
}

describe('--generate', () => {
  test('makes calls evenly, the same for the same seed', () => {
    const calls = made('rate=50,for=4s');
    expect(calls).toHaveLength(200);
    expect(new Set(calls.slice(1).map(({ atMs }, n) => atMs - calls[n]!.atMs))).toEqual(new Set([20]));
    expect(made('rate=50,for=4s')).toEqual(calls);
    expect(made('rate=50,for=4s', 2)).not.toEqual(calls);
  });

  test('fails its share, and that of a burst while it lasts', () => {
    const calls = made('rate=100,for=100s,errors=0%,burst=10s+20s:100%,burst=50s+10s:50%');
    const first = calls[0]!.atMs;
    const errors = (from: number, to: number): number => calls.filter(({ atMs, isError }) => isError && atMs - first >= from * 1_000 && atMs - first < to * 1_000).length;
    expect([errors(0, 10), errors(10, 30), errors(30, 50), errors(60, 100)]).toEqual([0, 2_000, 0, 0]);
    expect(Math.abs(errors(50, 60) - 500)).toBeLessThan(100);
  });

  test('is slow for its share', () => {
    const slow = made('rate=100,for=100s,latency=10ms,slow=20%:6s').filter(({ durationMs }) => durationMs === 6_000);
    expect(Math.abs(slow.length - 2_000)).toBeLessThan(300);
  });

  test('names the part that can’t be read', () => {
    for (const part of ['rate=fast', 'for=ever', 'errors=1', 'slow=1%', 'burst=1m:5%', 'colour=red', 'rate']) {
      expect(() => parseGenerated(`rate=5,${part}`)).toThrow(`--generate: found "${part}", allowed: rate=CALLS`);
    }
    expect(() => parseGenerated('rate=0')).toThrow('found 0 calls a second');
    expect(() => parseGenerated('rate=1000000,for=1h')).toThrow('100000000 in all');
  });
});
