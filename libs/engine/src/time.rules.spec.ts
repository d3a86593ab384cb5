/** docs/model.md L3, L4 and T: what a record stands for, and when things are. */
import { describe } from 'vitest';
import {
  answer, apply, applying, at, clear, deleting, error, force, forcing, mark, markOf, ok, remove, rule, slow, times,
  unreadable, write,
} from '../../../test/support/given.ts';

describe('L3: an upstream', () => {
  rule('has a breaker for each policy with circuitBreaking, whether or not anything calls it', {
    given: [],
    when: [apply()],
    expect: { state: 'closed', generation: 1, admit: 1, window: [0, 0, 0], since: '0s', until: 'none', policy: 'web' },
  });
  rule('has none where its setting is limits only', {
    given: [],
    when: [apply({ circuitBreaking: 'none' }), ok()],
    expect: { snapshot: 'none', tally: { unknown: 1 } },
  });
  rule('has, with `:PORT` in its document, a breaker of its own', {
    given: [apply({ errorAmountThreshold: 1 }), apply({ name: 'port', host: 'web:81', errorAmountThreshold: 1 })],
    when: [error({ upstream: 'web:81' })],
    expect: { state: 'closed', others: { 'web:81': { state: 'open' } } },
  });
  rule('without a policy is counted in a metric, never kept', {
    given: {},
    when: [ok({ upstream: 'stranger', count: 3 })],
    expect: { tally: { unknown: 3, counted: 0 }, others: { stranger: undefined } },
  });
  rule('without a policy leaves no ids behind', {
    given: [at('0s'), error({ id: '1' })],
    when: [apply({ errorAmountThreshold: 1 }), error({ id: '1' })],
    expect: { state: 'open', ids: 1, tally: { unknown: 1, repeat: 0 } },
  });
  rule('whose policy was deleted is one without a policy', {
    given: [apply(), remove()],
    when: [error({ id: '1' })],
    expect: { tally: { unknown: 1 }, ids: 0, window: [0, 0, 0], generation: 2 },
  });
  rule('of another partition has no breaker here', {
    given: [],
    when: [apply({ host: 'elsewhere' }), error({ upstream: 'elsewhere' })],
    expect: { others: { elsewhere: undefined }, snapshot: 'none', tally: { unknown: 1 } },
  });
});

describe('L4: a record', () => {
  rule('stands for `count` calls alike: total, errors and slow grow by it', {
    given: {},
    when: [error({ count: 3, took: '6s' }), ok({ count: 4 })],
    expect: { window: [7, 3, 3], tally: { counted: 7 } },
  });
  rule('is folded as one step: first it is counted whole, then the conditions are judged', {
    given: { errorAmountThreshold: 2 },
    when: [error({ count: 5 })],
    expect: { generation: 2, evidence: [[5, 5, 0]], tally: { counted: 5, whileOpen: 0 } },
  });
  rule('is folded as one step: a ratio is judged of all its calls', {
    given: { minRequestAmount: 10, errorRatioThreshold: 0.5 },
    when: [error({ count: 9 }), ok({ count: 10 })],
    expect: { state: 'closed', window: [19, 9, 0] },
  });
  rule('is slow or not, all its calls, by the threshold in force', {
    given: { slowTimeThreshold: '1s' },
    when: [ok({ took: '2s', count: 2 }), apply({ slowTimeThreshold: '3s' }), ok({ took: '2s', count: 2 }), ok({ took: '3s' })],
    expect: { window: [3, 0, 1] },
  });
});

describe('T1: the fold clock', () => {
  rule('goes by append times, so that no producer can turn windows', {
    given: { statTimeWindow: '10s' },
    when: [ok(), ok({ knownAt: '30s' }), ok({ knownAt: '-30s', generation: 1 })],
    expect: { window: [3, 0, 0], windowFrom: '0s', clock: '0s' },
  });
  rule('is the largest append time so far', { given: {}, when: [at('9s'), ok(), at('7s'), ok()], expect: { clock: '9s' } });
  for (const [name, record] of Object.entries({
    'a mark': mark(),
    'a forged mark': markOf(7, 'x'),
    'an unreadable one': unreadable(),
    'one of an unknown upstream': ok({ upstream: 'stranger' }),
    'a stale one': ok({ generation: 0 }),
    'a late one': ok({ knownAt: '-2m' }),
    'one of another incarnation': ok({ generation: 1, incarnation: 9 }),
  })) {
    rule(`is moved by any record: ${name}`, {
      given: {},
      when: [at('9s'), record],
      expect: { clock: '9s', window: [0, 0, 0] },
    });
  }
  rule('is one for all upstreams of the partition', {
    given: [apply({ errorAmountThreshold: 1 }), error()],
    when: [at('30s'), ok({ upstream: 'stranger' })],
    expect: { state: 'closed', since: '30s' },
  });
  rule('is not set back by a record up to 5 s below it', {
    given: {},
    when: [at('20s'), ok(), at('15s'), ok()],
    expect: { clock: '20s', window: [2, 0, 0] },
  });
  rule('is set back by a record more than 5 s below it, to its own time', {
    given: {},
    when: [at('20s'), ok(), at('14.999s'), mark()],
    expect: { clock: '14.999s' },
  });
  rule('set back: `since` beyond clock + 5 s becomes the clock', {
    given: [at('20s'), apply()],
    when: [at('10s'), mark()],
    expect: { since: '10s', generation: 1, transitions: [] },
  });
  rule('set back: `since` up to clock + 5 s stays', {
    given: [at('20s'), apply(), at('24s'), mark()],
    when: [at('15s'), mark()],
    expect: { clock: '15s', since: '20s' },
  });
  rule('set back: the start of a window is pulled in the same way', {
    given: [apply({ statTimeWindow: '30s' }), at('20s'), ok()],
    when: [at('10s'), mark()],
    expect: { window: [1, 0, 0], windowFrom: '10s' },
  });
  rule('set back: a window that starts within 5 s of the clock stays, and still counts', {
    given: [apply({ statTimeWindow: '30s' }), at('20s'), ok(), at('24s'), ok()],
    when: [at('15s'), ok()],
    expect: { window: [3, 0, 0], windowFrom: '20s' },
  });
  rule('set back: a trip whose `until` is later than clock + its length + 5 s expires at the clock', {
    given: [apply({ errorAmountThreshold: 1, degradedTimeWindow: '1m' }), at('20s'), error()],
    when: [at('14s'), mark()],
    expect: { transitions: ['2: closed → open at 20s until 80s (outcome)', '3: open → closed at 14s (deadline)'], since: '14s' },
  });
  rule('set back: a trip whose `until` is not later than that runs on', {
    given: [apply({ errorAmountThreshold: 1, degradedTimeWindow: '1m' }), at('20s'), error(), at('25s'), mark()],
    when: [at('15s'), mark()],
    expect: { state: 'open', since: '20s', until: '80s' },
  });
  rule("set back: an override's `until` is an operator's word and stays", {
    given: [apply(), at('20s'), force('open', '1m')],
    when: [at('5s'), mark()],
    expect: { state: 'open', since: '5s', until: '80s', override: 'alice' },
  });
  rule('set back: all comparisons use the fold clock from then on', {
    given: [apply({ statTimeWindow: '10s' }), at('20s'), ok()],
    when: [at('10s'), mark(), at('19s'), ok(), at('20s'), ok()],
    expect: { window: [1, 0, 0], windowFrom: '20s' },
  });
});

describe('T2: `at` only tells age', () => {
  rule('older than append - 60 s is late: counted in a metric, not folded', {
    given: {},
    when: [at('70s'), ok({ knownAt: '9.999s', generation: 1, count: 2 })],
    expect: { window: [0, 0, 0], tally: { late: 2, counted: 0 } },
  });
  rule('60 s old is not late', {
    given: {},
    when: [at('70s'), ok({ knownAt: '10s', generation: 1 })],
    expect: { window: [1, 0, 0], tally: { late: 0 } },
  });
  rule('in the future it is taken as the fold clock', {
    given: { errorAmountThreshold: 1 },
    when: [ok({ knownAt: '5m' })],
    expect: { window: [1, 0, 0], windowFrom: '0s', clock: '0s' },
  });
  rule('in the future it is taken as the fold clock, and so no later than a `since` that lies ahead of it', {
    given: [apply({ errorAmountThreshold: 9 }), force('open', '10s'), at('6s'), error({ generation: 3 })],
    when: [error({ knownAt: '5m' })],
    expect: { since: '10s', window: [1, 1, 0], tally: { counted: 1, stale: 1 } },
  });
});

describe('T3: a window', () => {
  rule('starts with the first outcome counted after the last one ended', {
    given: { statTimeWindow: '10s' },
    when: [at('2s'), ok(), at('17s'), ok()],
    expect: { windowFrom: '17s', window: [1, 0, 0] },
  });
  rule('starts with the first outcome counted after a transition', {
    given: { errorAmountThreshold: 2, degradedTimeWindow: '5s', statTimeWindow: '1h' },
    when: [error({ count: 2 }), at('5s'), mark(), at('8s'), ok()],
    expect: { windowFrom: '8s', window: [1, 0, 0] },
  });
  rule('is not started by an outcome that does not count', {
    given: {},
    when: [ok({ generation: 0 }), ok({ knownAt: '-2m' }), ok({ generation: 9 }), ok({ generation: 1, incarnation: 2 })],
    expect: { windowFrom: 'none', window: [0, 0, 0] },
  });
  rule('covers [start, start + statTimeWindow): its last millisecond', {
    given: { statTimeWindow: '10s' },
    when: [at('2s'), ok(), at('11.999s'), ok()],
    expect: { windowFrom: '2s', window: [2, 0, 0] },
  });
  rule('covers [start, start + statTimeWindow): not its end', {
    given: { statTimeWindow: '10s' },
    when: [at('2s'), ok(), at('12s'), ok()],
    expect: { windowFrom: '12s', window: [1, 0, 0] },
  });
  rule('that is over stands in the snapshot until the next outcome counts; readers show it as zeros', {
    given: { statTimeWindow: '10s' },
    when: [ok(), at('1h'), mark()],
    expect: { windowFrom: '0s', window: [1, 0, 0] },
  });
});

describe('T4: `until`', () => {
  rule('of a trip = fold clock + degradedTimeWindow', {
    given: [apply({ errorAmountThreshold: 1, degradedTimeWindow: '20s' }), at('10s'), mark()],
    when: [at('8s'), error()],
    expect: { since: '10s', until: '30s' },
  });
  rule("of an override = its control record's append time + duration", {
    given: {},
    when: [at('3s'), write(forcing('open', '10s')), at('5s'), mark()],
    expect: { state: 'open', since: '5s', until: '13s', transitions: ['2: closed → open at 5s until 13s (override)'] },
  });
  rule('of an override without duration: none', {
    given: {},
    when: [force('open'), at('24h'), mark()],
    expect: { state: 'open', until: 'none', override: 'alice' },
  });
  rule('of a state without end: none', { given: {}, when: [ok()], expect: { until: 'none' } });
  rule('is not moved by a policy change', {
    given: { errorAmountThreshold: 1, degradedTimeWindow: '10s' },
    when: [error(), at('1s'), apply({ errorAmountThreshold: 1, degradedTimeWindow: '1h' })],
    expect: { state: 'open', until: '10s', generation: 2 },
  });
  rule('lets evidence that arrives later than the degraded window open nothing for longer than that', {
    given: [apply({ errorAmountThreshold: 1 }), error()],
    when: [at('1h'), mark()],
    expect: { state: 'closed', since: '30s' },
  });
});

describe('T5: expiry', () => {
  rule('is closed, generation + 1, `since` = `until`, empty window, no override', {
    given: [apply(), force('open', '10s')],
    when: [at('15s'), mark()],
    expect: {
      transitions: ['2: closed → open at 0s until 10s (override)', '3: open → closed at 10s (deadline)'],
      state: 'closed', generation: 3, since: '10s', until: 'none', window: [0, 0, 0], windowFrom: 'none', override: 'none',
    },
  });
  rule('of forced closed is closed → closed, and shows what had been counted', {
    given: [apply({ errorAmountThreshold: 1 }), force('closed', '10s'), error({ count: 4 })],
    when: [at('10s'), mark()],
    expect: {
      transitions: ['2: closed → closed at 0s until 10s (override)', '3: closed → closed at 10s (deadline)'],
      evidence: [[0, 0, 0], [4, 4, 0]], window: [0, 0, 0],
    },
  });
  rule('comes before any outcome whose fold clock is ≥ `until` is judged', {
    given: { errorAmountThreshold: 1, degradedTimeWindow: '10s' },
    when: [error(), at('10s'), error()],
    expect: {
      transitions: [
        '2: closed → open at 0s until 10s (outcome)',
        '3: open → closed at 10s (deadline)',
        '4: closed → open at 10s until 20s (outcome)',
      ],
    },
  });
  rule('comes before any mark is taken', {
    given: [apply({ errorAmountThreshold: 1, degradedTimeWindow: '10s' }), error()],
    when: [at('10s'), remove()],
    expect: {
      transitions: [
        '2: closed → open at 0s until 10s (outcome)',
        '3: open → closed at 10s (deadline)',
        '4: closed → closed at 10s (policy)',
      ],
    },
  });
  rule('comes with an unreadable record just as well', {
    given: [apply({ errorAmountThreshold: 1 }), error()],
    when: [at('30s'), unreadable()],
    expect: { state: 'closed', tally: { dead: 1 } },
  });
  rule('does not come a millisecond early', {
    given: [apply({ errorAmountThreshold: 1 }), error()],
    when: [at('29.999s'), ok(), mark()],
    expect: { state: 'open', tally: { whileOpen: 1 } },
  });
  rule('has the same content whoever notices it, and when', {
    given: [apply({ errorAmountThreshold: 1 }), error()],
    when: [at('10m'), ok({ upstream: 'stranger' })],
    expect: { transitions: ['2: closed → open at 0s until 30s (outcome)', '3: open → closed at 30s (deadline)'] },
  });
  rule('of several comes in the order of (`until`, name)', {
    given: [
      apply({ errorAmountThreshold: 1, degradedTimeWindow: '20s' }),
      apply({ name: 'c', host: 'c', errorAmountThreshold: 1, degradedTimeWindow: '20s' }),
      apply({ name: 'a', host: 'a', errorAmountThreshold: 1, degradedTimeWindow: '30s' }),
      apply({ name: 'b', host: 'b', errorAmountThreshold: 1, degradedTimeWindow: '20s' }),
    ],
    when: [times(1, error(), error({ upstream: 'c' }), error({ upstream: 'a' }), error({ upstream: 'b' })), at('1h'), mark()],
    expect: {
      transitions: [
        '2: closed → open at 0s until 20s (outcome)',
        'c 2: closed → open at 0s until 20s (outcome)',
        'a 2: closed → open at 0s until 30s (outcome)',
        'b 2: closed → open at 0s until 20s (outcome)',
        'b 3: open → closed at 20s (deadline)',
        'c 3: open → closed at 20s (deadline)',
        '3: open → closed at 20s (deadline)',
        'a 3: open → closed at 30s (deadline)',
      ],
    },
  });
  rule('is not needed by a mark: a tick of control already taken moves the clock and expires', {
    given: [apply({ slowAmountThreshold: 1 }), slow()],
    when: [at('31s'), markOf(0)],
    expect: { state: 'closed', tally: { mark: 2 }, clock: '31s' },
  });
  rule('of an override over before its mark is folded: taken and ended at that record, as two transitions', {
    given: {},
    when: [write(forcing('open', '10s')), at('12s'), mark()],
    expect: {
      transitions: ['2: closed → open at 12s until 10s (override)', '3: open → closed at 10s (deadline)'],
      state: 'closed', since: '10s', override: 'none',
    },
  });
  rule('of such an override comes before the next control record of the same mark', {
    given: {},
    when: [write(forcing('open', '10s')), write(forcing('open', '1h')), at('12s'), mark()],
    expect: {
      transitions: [
        '2: closed → open at 12s until 10s (override)',
        '3: open → closed at 10s (deadline)',
        '4: closed → open at 12s until 3600s (override)',
      ],
    },
  });
  rule('is nothing after the lease was cleared or its policy deleted', {
    given: [apply(), force('open', '10s'), clear(), force('open', '20s'), remove()],
    when: [at('1m'), mark(), write(applying()), write(deleting()), markOf(0), answer({ kind: 'ok' })],
    expect: { generation: 5, since: '0s', state: 'closed' },
  });
});
