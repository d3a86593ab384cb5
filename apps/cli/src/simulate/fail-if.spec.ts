import { expect, test } from 'vitest';
import { failures, parseCondition, type Condition } from './fail-if.ts';
import type { PolicyResult } from './policy-run.ts';

const RESULT = {
  name: 'shop',
  trips: 2,
  ledger: { calls: 1_000, refused: 30, refusedGood: 20, keptErrors: 7, keptSlow: 3, openMs: 45_000 },
} as unknown as PolicyResult;

function failed(...texts: readonly string[]): string[] {
  return failures([RESULT], texts.map((text) => parseCondition(text) as Condition));
}

test('each measure of the ledger can be held against a number, those of calls against a share of all', () => {
  expect(failed('refused >= 30', 'refused_good > 1.9%', 'kept_errors == 7', 'kept_slow < 4', 'open_seconds<=45', 'trips > 1', 'calls < 5000')).toHaveLength(7);
  expect(failed('refused > 30', 'refused_good > 2%', 'kept_errors < 7', 'kept_slow >= 0.4%', 'open_seconds > 45', 'trips > 2')).toEqual([]);
  expect(failed('refused_good > 0.1%')).toEqual(["shop: refused_good is 2 % of 1000 calls: --fail-if 'refused_good > 0.1%'"]);
});

test('of no calls there is no share that could fail', () => {
  const condition = parseCondition('refused < 1%') as Condition;
  expect(failures([{ ...RESULT, ledger: { ...RESULT.ledger, calls: 0, refused: 0 } }], [condition])).toEqual([]);
});

test('what is no condition is none', () => {
  for (const text of ['', 'refused', 'refused > ', 'refused > x', 'unknown > 1', 'trips > 1%', 'open_seconds > 5%', 'refused => 1', 'constructor > 1']) {
    expect([text, parseCondition(text)]).toEqual([text, undefined]);
  }
});
