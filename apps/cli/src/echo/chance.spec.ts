import { describe, expect, it } from 'vitest';
import { choose, parseChances, seeded, type ChanceRule } from './chance.ts';

const NUMBER: ChanceRule<number> = { allowed: 'a number', parse: (text) => (/^\d+$/.test(text) ? Number(text) : undefined) };

function chosen(text: string, roll: number): number | undefined {
  const chances = parseChances(text, NUMBER);
  if (typeof chances === 'string') throw new Error(chances);
  return choose(chances, () => roll);
}

describe("Fortio's weighted lists", () => {
  it.each([
    ['555', 0, 555],
    ['555', 0.999_999, 555],
    ['555:100', 0.999_999, 555],
    ['555:0', 0, undefined],
    ['511:20', 0.199_999, 511],
    ['511:20', 0.2, undefined],
    ['511:20,503:5', 0.2, 503],
    ['511:20,503:5', 0.249_999, 503],
    ['511:20,503:5', 0.25, undefined],
    ['551:45,552:55', 0.999_999, 552],
    ['503:20%', 0.1, 503],
    ['503:.5', 0.004, 503],
    ['503:99.0,503:1.00001', 0.999_999, 503],
  ])('%s with a roll of %d gives %s', (text, roll, value) => {
    expect(chosen(text, roll)).toBe(value);
  });

  it.each([
    ['x', 'found "x", allowed: a number'],
    ['1::', 'found "1::", allowed: VALUE:PERCENT with a percentage from 0 to 100'],
    ['x:10', 'found "x", allowed: a number'],
    ['555:x', 'found "555:x", allowed: VALUE:PERCENT'],
    ['555:-1', 'found "555:-1", allowed: VALUE:PERCENT'],
    ['555:101', 'found "555:101", allowed: VALUE:PERCENT'],
    ['551:45,551:56', 'found percentages of 101 together, allowed: at most 100'],
    ['503,511', 'found "503", allowed: VALUE:PERCENT'],
  ])('%s is refused: %s', (text, message) => {
    expect(parseChances(text, NUMBER)).toContain(message);
  });
});

describe('a seed', () => {
  it('gives the same rolls each time, others than another seed, and spread evenly', () => {
    const rolls = (seed: number, n: number): number[] => Array.from({ length: n }, seeded(seed));
    expect(rolls(7, 100)).toEqual(rolls(7, 100));
    expect(rolls(7, 100)).not.toEqual(rolls(8, 100));
    const below = rolls(7, 100_000).filter((roll) => roll < 0.2).length;
    expect(below).toBeGreaterThan(19_500);
    expect(below).toBeLessThan(20_500);
  });
});
