import { describe, expect, it } from 'vitest';
import type { LogBounds } from '#engine';
import { LogEnds } from './log-ends.ts';

const boundsOf = (next: number): LogBounds => ({ first: 0, next, identity: 'x', passed: 0 });

describe('the ends of the log', () => {
  it('are asked for once at a time and once a second, however often one asks', async () => {
    const answers: ((bounds: LogBounds) => void)[] = [];
    let nowMs = 0;
    const ends = new LogEnds({ reader: { bounds: () => new Promise((resolve) => void answers.push(resolve)) }, partitions: 2, monotonicMs: () => nowMs });
    const [first, second] = [ends.ask(), ends.ask()];
    nowMs = 5_000;
    void ends.ask();
    expect(answers.length).toBe(2);
    for (const [partition, answer] of answers.entries()) answer(boundsOf(10 + partition));
    await Promise.all([first, second]);
    expect([ends.of(0), ends.of(1), ends.of(0, 12)]).toEqual([10, 11, 12]);
    void ends.ask();
    expect(answers.length).toBe(4);
    for (const answer of answers) answer(boundsOf(20));
    await expect.poll(() => ends.of(0)).toBe(20);
    nowMs += 500;
    await ends.ask();
    expect(answers.length).toBe(4);
  });

  it('are not known, and it is said why, while they can not be read', async () => {
    let isLost = false;
    let nowMs = 0;
    const ends = new LogEnds({ reader: { bounds: async () => (isLost ? Promise.reject(new Error('no broker answers')) : boundsOf(5)) }, partitions: 1, monotonicMs: () => (nowMs += 1_000) });
    await ends.ask();
    expect(ends.of(0)).toBe(5);
    isLost = true;
    await ends.ask();
    expect([ends.of(0), ends.problem]).toEqual([undefined, 'no broker answers']);
    isLost = false;
    await ends.ask();
    expect([ends.of(0), ends.problem]).toEqual([5, undefined]);
  });
});
