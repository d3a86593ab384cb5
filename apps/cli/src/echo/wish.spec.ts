import { describe, expect, it } from 'vitest';
import { answerTo } from './wish.ts';

const PLAIN = { status: 200, delayMs: 0, size: undefined, close: false, headers: [] };

function answer(query: string, ...rolls: number[]) {
  return answerTo(new URLSearchParams(query), () => rolls.shift() ?? 0.5);
}

describe("the echo server's query", () => {
  it.each([
    ['', PLAIN],
    ['status=503', { ...PLAIN, status: 503 }],
    ['delay=200ms', { ...PLAIN, delayMs: 200 }],
    ['delay=1m', { ...PLAIN, delayMs: 60_000 }],
    ['delay=1.5s&status=418', { ...PLAIN, delayMs: 1_500, status: 418 }],
    ['size=10', { ...PLAIN, size: 10 }],
    ['close=true', { ...PLAIN, close: true }],
    ['close=false', PLAIN],
    ['header=X-A:1&header=X-B: two', { ...PLAIN, headers: [['X-A', '1'], ['X-B', 'two']] }],
  ])('"%s" asks for that', (query, expected) => {
    expect(answer(query)).toEqual(expected);
  });

  it('rolls for each wish on its own: delay, then status', () => {
    const query = 'status=511:20&delay=200ms:20';
    expect(answer(query, 0.1, 0.9)).toEqual({ ...PLAIN, delayMs: 200 });
    expect(answer(query, 0.9, 0.1)).toEqual({ ...PLAIN, status: 511 });
    expect(answer(query, 0.1, 0.1)).toEqual({ ...PLAIN, status: 511, delayMs: 200 });
    expect(answer('close=10', 0.05)).toEqual({ ...PLAIN, close: true });
  });

  it.each([
    ['status=abc', 'status: found "abc", allowed: a status from 200 to 599'],
    ['status=101', 'status: found "101", allowed: a status from 200 to 599'],
    ['status=511:20,503:90', 'status: found percentages of 110 together'],
    ['delay=200', 'delay: found "200", allowed: a duration of at most 60s'],
    ['delay=2m', 'delay: found "2m", allowed: a duration of at most 60s'],
    ['size=-1', 'size: found "-1", allowed: bytes from 0 to 1048576'],
    ['close=maybe', 'close: found "true:maybe", allowed: VALUE:PERCENT'],
    ['header=nonsense', 'header: allowed: NAME:VALUE'],
    ['status=x&delay=y', 'delay: found "y", allowed: a duration of at most 60s, such as delay=200ms, delay=200ms:20 or delay=100ms:10,1s:5; status: found "x"'],
  ])('"%s" is refused and says what is allowed', (query, message) => {
    expect(answer(query)).toContain(message);
  });
});
