import { describe, expect, it } from 'vitest';
import type { LogBounds } from '#engine';
import { LogEnds } from './log-ends.ts';

const boundsOf = (next: number): LogBounds => ({ first: 0, next, identity: 'x', passed: 0 });

describe('the ends of the log', () => {
  it('are asked for once at a time, however often one asks', async () => {
    const answers: ((bounds: LogBounds) => void)[] = [];
    const ends = new LogEnds({ bounds: () => new Promise((resolve) => void answers.push(resolve)) });
    void ends.ask([0, 1]);
    void ends.ask([0, 1]);
    expect(answers.length).toBe(2);
    for (const [partition, answer] of answers.entries()) answer(boundsOf(10 + partition));
    await expect.poll(() => [ends.of(0), ends.of(1)]).toEqual([10, 11]);
    expect(ends.of(0, 12)).toBe(12);
    void ends.ask([0]);
    expect(answers.length).toBe(3);
  });

  it('are not known, and it is said why, while they can not be read', async () => {
    let isLost = false;
    const ends = new LogEnds({ bounds: async () => (isLost ? Promise.reject(new Error('no broker answers')) : boundsOf(5)) });
    void ends.ask([0]);
    await expect.poll(() => ends.of(0)).toBe(5);
    isLost = true;
    void ends.ask([0]);
    await expect.poll(() => [ends.of(0), ends.problem]).toEqual([undefined, 'no broker answers']);
    isLost = false;
    void ends.ask([0]);
    await expect.poll(() => [ends.of(0), ends.problem]).toEqual([5, undefined]);
  });
});
