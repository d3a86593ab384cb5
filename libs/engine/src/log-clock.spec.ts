import { beforeEach, describe, expect, test } from 'vitest';
import { LogClock, type StoreTime } from '#engine';

describe('T2: a proxy’s clock', () => {
  let nowMs: number;
  let clock: LogClock;
  beforeEach(() => {
    nowMs = 1_000_000;
    clock = new LogClock(() => nowMs);
  });
  /** The log's clock is ahead of ours by this; a send takes `tookMs`. */
  const append = (aheadMs: number, tookMs = 4): void => {
    const sentMs = nowMs;
    nowMs += tookMs;
    clock.observe(sentMs + tookMs / 2 + aheadMs, { sentMs, acknowledgedMs: nowMs });
  };
  /** The store's clock is ahead of ours by this. */
  const store = (aheadMs: number, tookMs = 2): void => {
    const askedMs = nowMs;
    nowMs += tookMs;
    const time: StoreTime = { atMs: askedMs + tookMs / 2 + aheadMs, askedMs, toldMs: nowMs };
    clock.observeStore(time);
  };
  const aheadMs = (): number => clock.nowMs() - nowMs;

  test('follows the log once an append time has shown that it is off, and only as far as is shown', () => {
    clock.observe(nowMs + 60_000, { sentMs: nowMs - 5, acknowledgedMs: nowMs });
    expect(clock.nowMs()).toBe(nowMs + 60_000);
    clock.observe(nowMs + 55_000, { sentMs: nowMs - 9_000, acknowledgedMs: nowMs });
    expect(clock.nowMs()).toBe(nowMs + 60_000);
    clock.observe(nowMs - 2, { sentMs: nowMs - 5, acknowledgedMs: nowMs });
    expect(clock.nowMs()).toBe(nowMs + 3);
  });

  test('is left alone while appends lie between send and reply by itself', () => {
    clock.observe(nowMs - 2, { sentMs: nowMs - 5, acknowledgedMs: nowMs });
    expect(clock.nowMs()).toBe(nowMs);
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

  test('that was set back since the last append follows the store', () => {
    append(0);
    nowMs -= 3_600_000;
    store(3_600_000);
    expect(Math.abs(aheadMs() - 3_600_000)).toBeLessThanOrEqual(1_001);
  });
});
