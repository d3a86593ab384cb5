/** docs/semantics.md, sentence by sentence: what a policy's fields mean, what is counted, and where we differ. */
import { describe } from 'vitest';
import { FAILURES } from '#engine';
import { answer, apply, at, error, mark, ok, remove, rule, slow, times } from '../../../test/support/given.ts';

const DEFAULTS_BUT = (words: object) => ({ minRequestAmount: 200, statTimeWindow: '1m', degradedTimeWindow: '1m', ...words });

describe('the fields of circuitBreaking', () => {
  rule('statTimeWindow: the window is tumbling, all counts go back to zero when it ends', {
    given: { statTimeWindow: '10s', errorAmountThreshold: 3 },
    when: [error(), at('9s'), error(), at('10s'), error(), at('19.999s'), error()],
    expect: { state: 'closed', window: [2, 2, 0], windowFrom: '10s', transitions: [] },
  });
  rule('statTimeWindow: counts of one window add up to its very end', {
    given: { statTimeWindow: '10s', errorAmountThreshold: 3 },
    when: [error(), at('9s'), error(), at('9.999s'), error()],
    expect: { transitions: ['2: closed → open at 9.999s until 39.999s (outcome)'] },
  });
  rule('minRequestAmount: below this many calls in the window no ratio trips', {
    given: { minRequestAmount: 10, errorRatioThreshold: 0.1, slowRatioThreshold: 0.1 },
    when: [times(5, error()), times(4, slow())],
    expect: { state: 'closed', window: [9, 5, 4] },
  });
  rule('minRequestAmount: from this many calls on a ratio trips', {
    given: { minRequestAmount: 10, errorRatioThreshold: 0.1 },
    when: [times(9, error()), error()],
    expect: { state: 'open', evidence: [[10, 10, 0]] },
  });
  rule('minRequestAmount: amounts do not look at it', {
    given: { minRequestAmount: 10, errorAmountThreshold: 2 },
    when: [error(), error()],
    expect: { state: 'open', evidence: [[2, 2, 0]] },
  });
  rule('errorAmountThreshold: the N-th error in the window opens the breaker', {
    given: { errorAmountThreshold: 3 },
    when: [error(), ok(), error(), ok(), at('2s'), error(), ok()],
    expect: { transitions: ['2: closed → open at 2s until 32s (outcome)'], evidence: [[5, 3, 0]], admit: 0 },
  });
  rule('errorAmountThreshold: one error less does not', {
    given: { errorAmountThreshold: 3 },
    when: [times(2, error()), times(100, ok())],
    expect: { state: 'closed', admit: 1, window: [102, 2, 0] },
  });
  rule('errorAmountThreshold: 0 is off', {
    given: {},
    when: [times(500, error())],
    expect: { state: 'closed', window: [500, 500, 0] },
  });
  rule('errorRatioThreshold: errors / total ≥ this opens it', {
    given: { minRequestAmount: 4, errorRatioThreshold: 0.5 },
    when: [ok(), ok(), ok(), error(), error(), at('1s'), error()],
    expect: { transitions: ['2: closed → open at 1s until 31s (outcome)'], evidence: [[6, 3, 0]] },
  });
  rule('errorRatioThreshold: below this it stays closed', {
    given: { minRequestAmount: 4, errorRatioThreshold: 0.5 },
    when: [ok({ count: 51 }), error({ count: 50 })],
    expect: { state: 'closed', window: [101, 50, 0] },
  });
  for (const [errors, ratio] of [[55, 0.55], [57, 0.57], [7, 0.07], [14, 0.14], [28, 0.28], [29, 0.29], [30, 0.3]] as const) {
    rule(`errorRatioThreshold: ${errors} errors of 100 are ${ratio}, whatever floating point makes of ${ratio} × 100`, {
      given: { errorRatioThreshold: ratio },
      when: [ok({ count: 100 - errors }), error({ count: errors })],
      expect: { state: 'open' },
    });
  }
  rule('errorRatioThreshold: 1 needs every call to be an error', {
    given: { minRequestAmount: 3, errorRatioThreshold: 1 },
    when: [error(), error(), error()],
    expect: { state: 'open' },
  });
  rule('errorRatioThreshold: 0 is off', {
    given: { minRequestAmount: 1 },
    when: [times(9, error())],
    expect: { state: 'closed' },
  });
  rule('slowTimeThreshold: a response whose head takes at least this long is slow', {
    given: { slowTimeThreshold: '200ms' },
    when: [ok({ took: '199.9ms' }), ok({ took: '200ms' }), ok({ took: '201ms' }), answer({ kind: 'ok' })],
    expect: { window: [4, 0, 2] },
  });
  rule('slowAmountThreshold: the N-th slow call in the window opens it', {
    given: { slowAmountThreshold: 2 },
    when: [slow(), ok(), at('1s'), slow()],
    expect: { transitions: ['2: closed → open at 1s until 31s (outcome)'], evidence: [[3, 0, 2]] },
  });
  rule('slowAmountThreshold: 0 is off', {
    given: {},
    when: [times(500, slow())],
    expect: { state: 'closed', window: [500, 0, 500] },
  });
  rule('slowRatioThreshold: slow / total ≥ this opens it', {
    given: { minRequestAmount: 4, slowRatioThreshold: 0.25 },
    when: [ok(), ok(), ok(), slow()],
    expect: { state: 'open', evidence: [[4, 0, 1]] },
  });
  rule('slowRatioThreshold: below this it stays closed', {
    given: { minRequestAmount: 4, slowRatioThreshold: 0.25 },
    when: [times(4, ok()), slow()],
    expect: { state: 'closed' },
  });
  rule('slowRatioThreshold: 0 is off', {
    given: { minRequestAmount: 1 },
    when: [times(9, slow())],
    expect: { state: 'closed' },
  });
  rule('degradedTimeWindow: how long it stays open; then it closes at once, with counts at zero', {
    given: { errorAmountThreshold: 1, degradedTimeWindow: '1m' },
    when: [error(), at('59.999s'), mark(), at('1m'), mark()],
    expect: {
      transitions: ['2: closed → open at 0s until 60s (outcome)', '3: open → closed at 60s (deadline)'],
      state: 'closed', admit: 1, window: [0, 0, 0],
    },
  });
  rule('degradedTimeWindow: there is no half-open, the next error after it is the first of N again', {
    given: { errorAmountThreshold: 2, degradedTimeWindow: '1m' },
    when: [error(), error(), at('1m'), error()],
    expect: { state: 'closed', generation: 3, window: [1, 1, 0], windowFrom: '60s' },
  });
});

describe('what is counted (O2)', () => {
  for (const [code, errors] of [[100, 0], [200, 0], [302, 0], [404, 0], [499, 0], [500, 1], [503, 1], [511, 1], [599, 1]] as const) {
    rule(`an error is a status above 499: ${code} ${errors ? 'is one' : 'is none'}`, {
      given: {},
      when: [answer({ kind: 'status', code })],
      expect: { window: [1, errors, 0] },
    });
  }
  for (const failure of FAILURES) {
    rule(`no response at all is an error: ${failure}`, {
      given: {},
      when: [answer({ kind: 'failure', failure })],
      expect: { window: [1, 1, 0] },
    });
  }
  for (let code = 0; code <= 16; code += 1) {
    const errors = [2, 4, 13, 14, 15].includes(code) ? 1 : 0;
    rule(`of gRPC's codes UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE, DATA_LOSS are errors: ${code} ${errors ? 'is one' : 'is none'}`, {
      given: {},
      when: [answer({ kind: 'grpc', code })],
      expect: { window: [1, errors, 0] },
    });
  }
  rule('an outcome that says ok is no error', { given: {}, when: [answer({ kind: 'ok' })], expect: { window: [1, 0, 0] } });
  rule('a call can be slow and an error, and then counts in both', {
    given: {},
    when: [error({ took: '5s' })],
    expect: { window: [1, 1, 1] },
  });
  rule('a failure that took long is slow as well', {
    given: { slowAmountThreshold: 1 },
    when: [answer({ kind: 'failure', failure: 'timeout' }, { took: '5s' })],
    expect: { state: 'open', evidence: [[1, 1, 1]] },
  });
  rule('every condition is judged at every outcome, success included: a ratio breaker opens at exactly call 200', {
    given: DEFAULTS_BUT({ errorRatioThreshold: 0.1 }),
    when: [times(40, error()), times(159, ok()), at('1s'), ok()],
    expect: { transitions: ['2: closed → open at 1s until 61s (outcome)'], evidence: [[200, 40, 0]] },
  });
  rule('every condition is judged at every outcome: an error of a slow breaker, too', {
    given: { minRequestAmount: 3, slowRatioThreshold: 0.5 },
    when: [slow(), slow(), error()],
    expect: { state: 'open', evidence: [[3, 1, 2]] },
  });
  rule('a policy deleted closes the breaker and drops its window', {
    given: { errorAmountThreshold: 2, degradedTimeWindow: '1m' },
    when: [error(), error(), at('1s'), remove()],
    expect: { state: 'closed', window: [0, 0, 0], until: 'none', policy: 'none' },
  });
  rule('another policy applied to the same host begins fresh', {
    given: [apply({ errorAmountThreshold: 3 }), error(), error()],
    when: [at('1s'), remove(), apply({ name: 'other', errorAmountThreshold: 3 }), error(), error()],
    expect: { state: 'closed', window: [2, 2, 0], policy: 'other' },
  });
});

describe('where we differ', () => {
  rule('one window for amounts and ratios: both count from the same first call', {
    given: { minRequestAmount: 4, errorAmountThreshold: 3, errorRatioThreshold: 0.5, statTimeWindow: '10s' },
    when: [error(), at('11s'), ok(), ok(), ok(), error(), error()],
    expect: { state: 'closed', window: [5, 2, 0] },
  });
  rule('a breaker that has just closed starts from zero, amounts too', {
    given: { errorAmountThreshold: 2, statTimeWindow: '10m', degradedTimeWindow: '1s' },
    when: [error(), error(), at('1s'), error()],
    expect: { state: 'closed', window: [1, 1, 0] },
  });
  rule('exact times: a window of 60 s ends after 60 s, not 61', {
    given: { statTimeWindow: '1m', errorAmountThreshold: 2 },
    when: [error(), at('60s'), error()],
    expect: { state: 'closed', window: [1, 1, 0], windowFrom: '60s' },
  });
  rule('a call counts when its outcome is known, not when its request began', {
    given: { statTimeWindow: '10s', slowAmountThreshold: 2 },
    when: [slow(), at('12s'), slow({ took: '11s' })],
    expect: { state: 'closed', window: [1, 0, 1], windowFrom: '12s' },
  });
  rule('outcomes of calls admitted before a transition never count after it', {
    given: { slowAmountThreshold: 2, degradedTimeWindow: '1s' },
    when: [slow({ generation: 1 }), slow({ generation: 1 }), at('1s'), slow({ generation: 1 }), slow({ generation: 1 })],
    expect: { state: 'closed', generation: 3, window: [0, 0, 0], tally: { counted: 2, stale: 2 } },
  });
  rule('state is shared by every proxy: an amount is reached N times sooner by N of them', {
    given: { errorAmountThreshold: 3 },
    when: [error({ reporter: 'proxy-a' }), error({ reporter: 'proxy-b' }), error({ reporter: 'proxy-c' })],
    expect: { state: 'open' },
  });
});

describe("the seed's scenarios: 20 % of the calls are bad, window 1m, minimum 200, degraded 1m", () => {
  const ERRORS = times(200, error(), ok(), ok(), ok(), ok());
  const DELAYS = times(200, slow(), ok(), ok(), ok(), ok());

  for (const degradedStatusCode of [409, 520]) {
    rule(`2, 3: errorAmountThreshold 100 opens at the 100th error (${degradedStatusCode})`, {
      given: DEFAULTS_BUT({ errorAmountThreshold: 100, degradedStatusCode }),
      when: [ERRORS, at('60s'), mark()],
      expect: {
        transitions: ['2: closed → open at 0s until 60s (outcome)', '3: open → closed at 60s (deadline)'],
        evidence: [[496, 100, 0], [0, 0, 0]],
        tally: { counted: 496, whileOpen: 504 },
      },
    });
    rule(`4, 5: errorRatioThreshold 0.10 opens at request 200, 80 % of the calls are refused (${degradedStatusCode})`, {
      given: DEFAULTS_BUT({ errorRatioThreshold: 0.1, degradedStatusCode }),
      when: [ERRORS],
      expect: { evidence: [[200, 40, 0]], tally: { counted: 200, whileOpen: 800 } },
    });
    rule(`6, 7: slowAmountThreshold 100 opens at the 100th slow call (${degradedStatusCode})`, {
      given: DEFAULTS_BUT({ slowTimeThreshold: '200ms', slowAmountThreshold: 100, degradedStatusCode }),
      when: [DELAYS],
      expect: { evidence: [[496, 0, 100]], tally: { counted: 496, whileOpen: 504 } },
    });
    rule(`8, 9: slowRatioThreshold 0.10 opens at request 200 (${degradedStatusCode})`, {
      given: DEFAULTS_BUT({ slowTimeThreshold: '200ms', slowRatioThreshold: 0.1, degradedStatusCode }),
      when: [DELAYS],
      expect: { evidence: [[200, 0, 40]], tally: { counted: 200, whileOpen: 800 } },
    });
  }
  rule('7 as printed, an error policy under a delay load, never trips', {
    given: DEFAULTS_BUT({ errorAmountThreshold: 100, degradedStatusCode: 520 }),
    when: [DELAYS],
    expect: { state: 'closed', window: [1_000, 0, 200] },
  });
  rule('it trips a second time after it has closed', {
    given: DEFAULTS_BUT({ errorRatioThreshold: 0.1 }),
    when: [ERRORS, at('60s'), ERRORS],
    expect: {
      transitions: [
        '2: closed → open at 0s until 60s (outcome)',
        '3: open → closed at 60s (deadline)',
        '4: closed → open at 60s until 120s (outcome)',
      ],
      evidence: [[200, 40, 0], [0, 0, 0], [200, 40, 0]],
    },
  });
});
