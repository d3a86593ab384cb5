import { beforeEach, describe, expect, test } from 'vitest';
import { LogClock, type StoreTime } from '#engine';

describe('T2: a proxy’s clock', () => {
  /** By the monotonic clock. */
  let nowMs: number;
  let wallAheadMs: number;
  let clock: LogClock;
  beforeEach(() => {
    [nowMs, wallAheadMs] = [7_000, 1_000_000];
    clock = new LogClock({ wallMs: () => nowMs + wallAheadMs, monotonicMs: () => nowMs });
  });
  /** The log's clock is ahead of our wall clock, as it was at first, by this; a send takes `tookMs`. */
  const append = (aheadMs: number, tookMs = 4): void => {
    const sentMs = nowMs;
    nowMs += tookMs;
    clock.observe(1_000_000 + sentMs + tookMs / 2 + aheadMs, { sentMs, acknowledgedMs: nowMs });
  };
  /** The store's clock is ahead by this. */
  const askStore = (aheadMs: number, tookMs = 2): StoreTime => {
    const askedMonotonicMs = nowMs;
    nowMs += tookMs;
    return { atMs: 1_000_000 + askedMonotonicMs + tookMs / 2 + aheadMs, askedMonotonicMs, toldMonotonicMs: nowMs };
  };
  const store = (aheadMs: number, tookMs?: number): void => clock.observeStore(askStore(aheadMs, tookMs));
  const aheadMs = (): number => clock.nowMs() - nowMs - 1_000_000;

  test('is its own wall clock until one of the fleet’s was heard, also where it is set meanwhile', () => {
    expect(aheadMs()).toBe(0);
    wallAheadMs += 60_000;
    expect(aheadMs()).toBe(60_000);
  });

  test('follows the log once an append time has shown that it is off, and only as far as is shown', () => {
    const observe = (off: number, tookMs: number): void => clock.observe(1_000_000 + nowMs + off, { sentMs: nowMs - tookMs, acknowledgedMs: nowMs });
    observe(60_000, 5);
    expect(aheadMs()).toBe(60_000);
    observe(55_000, 9_000);
    expect(aheadMs()).toBe(60_000);
    observe(-2, 5);
    expect(aheadMs()).toBe(3);
  });

  test('is left alone while appends lie between send and reply by itself', () => {
    append(0);
    expect(aheadMs()).toBe(0);
  });

  test.each([60_000, -60_000])('that is off by %i ms follows the store, to within its answer’s time, where nothing is sent', (off) => {
    store(off);
    expect(Math.abs(aheadMs() - off)).toBeLessThanOrEqual(1);
    store(off + 400);
    expect(Math.abs(aheadMs() - off - 400)).toBeLessThanOrEqual(1);
  });

  test('follows the log alone while there are appends, whatever the store says', () => {
    append(7_000);
    const shown = aheadMs();
    for (let n = 0; n < 20; n++) {
      nowMs += 900;
      store(-30_000);
      append(7_000);
    }
    expect(aheadMs()).toBe(shown);
  });

  test('isn’t drawn to and fro by a log and a store that differ by less than a second', () => {
    append(500);
    const shown = aheadMs();
    for (let n = 0; n < 5; n++) {
      nowMs += 15_000;
      store(-400);
      store(-400);
      append(500);
    }
    expect(aheadMs()).toBe(shown);
  });

  test('follows the store to within a second once nothing was appended for 10 s', () => {
    append(500);
    nowMs += 9_990;
    store(60_000);
    expect(aheadMs()).toBeLessThan(1_000);
    nowMs += 10;
    store(60_000);
    expect(Math.abs(aheadMs() - 60_000)).toBeLessThanOrEqual(1_001);
  });

  test.each([3_600_000, -3_600_000])('set by an hour, is noticed by nobody once the log or the store was heard: %i ms', (ms) => {
    append(500);
    const shown = aheadMs();
    wallAheadMs += ms;
    expect(aheadMs()).toBe(shown);
    append(500);
    expect(aheadMs()).toBe(shown);
  });

  test.each([60_000, -60_000])('that was off by %i ms isn’t put off again by what the store said before the log did, told late', (off) => {
    wallAheadMs += off;
    const early = askStore(0);
    append(0);
    nowMs += 12_000;
    clock.observeStore(early);
    expect(Math.abs(aheadMs())).toBeLessThanOrEqual(1_002);
  });
});
