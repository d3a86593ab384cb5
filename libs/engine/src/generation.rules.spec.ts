/** docs/model.md G, K4 and V1: which outcomes count, which are repeats, and what a snapshot's version says. */
import { describe } from 'vitest';
import {
  apply, at, clear, error, force, forcing, mark, ok, remembering, remove, rule, slow, times, unreadable, write,
} from '../../../test/support/given.ts';

const ONE_ERROR = { errorAmountThreshold: 1 };

describe('G1: every change adds 1', () => {
  rule('a trip', { given: ONE_ERROR, when: [error()], expect: { generation: 2 } });
  rule('an expiry', { given: ONE_ERROR, when: [error(), at('30s'), mark()], expect: { generation: 3 } });
  rule('an override', { given: {}, when: [force('open')], expect: { generation: 2 } });
  rule('an override that leaves the state as it was: a transition from closed to closed', {
    given: {},
    when: [force('closed')],
    expect: { generation: 2, transitions: ['2: closed → closed at 0s (override)'] },
  });
  rule('an override over another one', {
    given: {},
    when: [force('open'), force('open', '1m')],
    expect: { generation: 3, until: '60s' },
  });
  rule('the end of an override, cleared', {
    given: {},
    when: [force('open'), clear()],
    expect: { generation: 3, state: 'closed' },
  });
  rule('the end of an override, run out', {
    given: {},
    when: [force('closed', '5s'), at('5s'), mark()],
    expect: { generation: 3 },
  });
  rule('a policy deleted', { given: {}, when: [remove()], expect: { generation: 2 } });
  rule('a policy applied again', { given: [apply(), remove()], when: [apply()], expect: { generation: 3 } });
  rule('and nothing else does: first application, change, the same again, outcomes, an ended window', {
    given: [apply({ statTimeWindow: '5s' }), ok(), apply({ statTimeWindow: '6s' }), apply({ statTimeWindow: '6s' })],
    when: [times(3, ok()), at('20s'), ok(), clear()],
    expect: { generation: 1, transitions: [] },
  });
  rule('of one upstream, not of its neighbours', {
    given: [apply(ONE_ERROR), apply({ name: 'b', host: 'b', ...ONE_ERROR })],
    when: [error()],
    expect: { generation: 2, others: { b: { generation: 1 } } },
  });
});

describe('G2: an outcome that carries', () => {
  rule('another incarnation is dropped, counted', {
    given: ONE_ERROR,
    when: [error({ generation: 1, incarnation: 2, count: 2 }), error({ generation: 1, incarnation: 0 })],
    expect: { state: 'closed', window: [0, 0, 0], tally: { otherIncarnation: 3 } },
  });
  rule('a lower generation is stale: dropped, counted', {
    given: [apply(), remove(), apply(ONE_ERROR)],
    when: [error({ generation: 2 }), error({ generation: 1, count: 4 })],
    expect: { state: 'closed', window: [0, 0, 0], tally: { stale: 5 } },
  });
  rule('a lower generation is stale while open, too', {
    given: [apply(ONE_ERROR), error()],
    when: [error({ generation: 1 })],
    expect: { tally: { stale: 1, whileOpen: 0 } },
  });
  rule('the same generation counts when closed', {
    given: [apply(), remove(), apply(ONE_ERROR)],
    when: [error({ generation: 3 })],
    expect: { state: 'open', tally: { counted: 1 } },
  });
  rule('the same generation counts when closed, however old its `since` and `at`', {
    given: [at('50s'), apply(ONE_ERROR)],
    when: [error({ generation: 1, knownAt: '1s' })],
    expect: { state: 'open' },
  });
  rule('the same generation counts nothing when open', {
    given: [apply(ONE_ERROR), error()],
    when: [error({ generation: 2, count: 2 })],
    expect: { generation: 2, window: [0, 0, 0], tally: { whileOpen: 2 } },
  });
  rule('one higher, from 5 s before `until` on: the lease is expired first, then the outcome counts', {
    given: [apply({ errorAmountThreshold: 2 }), error({ count: 2 })],
    when: [at('25s'), error({ generation: 3 })],
    expect: {
      transitions: ['2: closed → open at 0s until 30s (outcome)', '3: open → closed at 30s (deadline)'],
      state: 'closed', since: '30s', window: [1, 1, 0], windowFrom: '25s',
    },
  });
  rule('one higher, a millisecond before that: dropped, counted', {
    given: [apply(ONE_ERROR), error()],
    when: [at('24.999s'), error({ generation: 3, count: 2 })],
    expect: { state: 'open', generation: 2, tally: { future: 2 } },
  });
  rule('one higher, of a lease shorter than 10 s: from half of it on', {
    given: [apply({ ...ONE_ERROR, degradedTimeWindow: '4s' }), error()],
    when: [at('2s'), ok({ generation: 3 })],
    expect: { state: 'closed', since: '4s', window: [1, 0, 0] },
  });
  rule('one higher, in the first half of a lease shorter than 10 s: dropped, counted', {
    given: [apply({ ...ONE_ERROR, degradedTimeWindow: '4s' }), error()],
    when: [at('1.999s'), ok({ generation: 3 })],
    expect: { state: 'open', tally: { future: 1 } },
  });
  rule("one higher, near the end of an override's lease: the same", {
    given: [apply(), force('open', '1m')],
    when: [at('55s'), ok({ generation: 3 })],
    expect: { state: 'closed', override: 'none', since: '60s', window: [1, 0, 0] },
  });
  rule('one higher, near the end of a forced closed: the same, and conditions are judged again', {
    given: [apply(ONE_ERROR), force('closed', '1m'), error()],
    when: [at('55s'), error({ generation: 3 })],
    expect: {
      transitions: [
        '2: closed → closed at 0s until 60s (override)',
        '3: closed → closed at 60s (deadline)',
        '4: closed → open at 55s until 85s (outcome)',
      ],
      evidence: [[0, 0, 0], [1, 1, 0], [1, 1, 0]],
    },
  });
  rule('one higher, near an end: only this upstream expires early', {
    given: [apply(ONE_ERROR), apply({ name: 'b', host: 'b', ...ONE_ERROR }), error(), error({ upstream: 'b' })],
    when: [at('29s'), ok({ generation: 3 })],
    expect: { state: 'closed', others: { b: { state: 'open' } } },
  });
  rule('one higher, and the expired lease trips at once: as any other', {
    given: [apply(ONE_ERROR), error()],
    when: [at('26s'), error({ generation: 3 })],
    expect: {
      transitions: [
        '2: closed → open at 0s until 30s (outcome)',
        '3: open → closed at 30s (deadline)',
        '4: closed → open at 26s until 56s (outcome)',
      ],
    },
  });
  rule('one higher, of a state without `until`: dropped, counted', {
    given: {},
    when: [ok({ generation: 2 }), force('open'), ok({ generation: 3 })],
    expect: { tally: { future: 2 }, window: [0, 0, 0], generation: 2 },
  });
  rule('any other higher one: dropped, counted, however near the end', {
    given: [apply(ONE_ERROR), error()],
    when: [at('29.999s'), ok({ generation: 4 }), ok({ generation: 400 })],
    expect: { state: 'open', tally: { future: 2 } },
  });
  rule('none counts when closed and `at` ≥ `since`', {
    given: [at('10s'), apply()],
    when: [at('11s'), ok({ knownAt: '10s' })],
    expect: { window: [1, 0, 0] },
  });
  rule('none and an `at` before `since` is stale', {
    given: [at('10s'), apply()],
    when: [at('11s'), ok({ knownAt: '9.999s' })],
    expect: { window: [0, 0, 0], tally: { stale: 1 } },
  });
  rule('none counts nothing while open', {
    given: [apply(ONE_ERROR), error()],
    when: [at('1s'), error({ count: 3 })],
    expect: { window: [0, 0, 0], tally: { whileOpen: 3 } },
  });
});

describe('G3: a proxy that treats a lease as over', () => {
  rule('stamps generation + 1; once the log has seen the end too, that is the same generation', {
    given: [apply(ONE_ERROR), error()],
    when: [at('30s'), ok({ generation: 3 })],
    expect: { generation: 3, window: [1, 0, 0], tally: { counted: 2, future: 0 } },
  });
  rule('early by half the lease at most, is believed; its calls are not lost', {
    given: [apply({ ...ONE_ERROR, degradedTimeWindow: '8s' }), error()],
    when: [at('4s'), slow({ generation: 3 }), at('8s'), slow({ generation: 3 })],
    expect: { generation: 3, window: [2, 0, 2], since: '8s', windowFrom: '4s' },
  });
});

describe('K4: a repeat', () => {
  rule('has the same (reporter, id), and does not count', {
    given: { errorAmountThreshold: 2 },
    when: [error({ id: '1' }), error({ id: '1', count: 5 }), at('1s'), error({ id: '1' })],
    expect: { window: [1, 1, 0], tally: { counted: 1, repeat: 6 }, ids: 1 },
  });
  rule('is none where the reporter is another one', {
    given: {},
    when: [ok({ id: '1', reporter: 'a' }), ok({ id: '1', reporter: 'b' })],
    expect: { window: [2, 0, 0], ids: 2 },
  });
  rule('is none where reporter and id only read the same in a row', {
    given: {},
    when: [ok({ reporter: 'a', id: 'bc' }), ok({ reporter: 'ab', id: 'c' }), ok({ reporter: 'a/', id: 'c' }), ok({ reporter: 'a', id: '/c' })],
    expect: { window: [4, 0, 0], ids: 4 },
  });
  rule('is none without an id', { given: {}, when: [times(3, ok())], expect: { window: [3, 0, 0], ids: 0 } });
  rule('is one for another upstream, too', {
    given: [apply(), apply({ name: 'b', host: 'b' })],
    when: [ok({ id: '1' }), ok({ id: '1', upstream: 'b' })],
    expect: { others: { b: { window: [0, 0, 0] } }, tally: { repeat: 1 } },
  });
  rule('is known even if the first one did not count: late, stale, future, another incarnation, while open', {
    given: [apply({ errorAmountThreshold: 2 }), at('2m')],
    when: [
      ok({ id: 'late', knownAt: '1s' }), ok({ id: 'late' }),
      ok({ id: 'stale', generation: 0 }), ok({ id: 'stale' }),
      ok({ id: 'future', generation: 9 }), ok({ id: 'future' }),
      ok({ id: 'other', generation: 1, incarnation: 9 }), ok({ id: 'other' }),
      error({ count: 2 }), ok({ id: 'open' }), ok({ id: 'open' }),
    ],
    expect: { ids: 5, tally: { late: 1, stale: 1, future: 1, otherIncarnation: 1, whileOpen: 1, repeat: 5 } },
  });
  rule('is looked for among the last so many pairs, in offset order', {
    given: [remembering(2), apply()],
    when: [ok({ id: '1' }), ok({ id: '2' }), ok({ id: '1' }), ok({ id: '2' })],
    expect: { window: [2, 0, 0], ids: 2 },
  });
  rule('beyond that horizon counts again', {
    given: [remembering(2), apply()],
    when: [ok({ id: '1' }), ok({ id: '2' }), ok({ id: '3' }), ok({ id: '1' })],
    expect: { window: [4, 0, 0], ids: 2 },
  });
  rule('does not refresh its place', {
    given: [remembering(2), apply()],
    when: [ok({ id: '1' }), ok({ id: '2' }), ok({ id: '1' }), ok({ id: '3' }), ok({ id: '1' })],
    expect: { window: [4, 0, 0], tally: { repeat: 1 } },
  });
});

describe('V1: the version is one past the last record that touched this upstream, such as', () => {
  rule('its first application', { given: [ok()], when: [apply(), ok({ upstream: 'b' })], expect: { next: 2 } });
  rule('an outcome counted', { given: {}, when: [ok(), unreadable()], expect: { next: 2 } });
  rule('a trip', { given: ONE_ERROR, when: [error(), ok()], expect: { next: 2, generation: 2 } });
  rule('an expiry, whatever record noticed it', {
    given: [apply(ONE_ERROR), error()],
    when: [at('1h'), unreadable(), mark()],
    expect: { next: 3 },
  });
  rule('an override', { given: {}, when: [force('open'), mark()], expect: { next: 2 } });
  rule('a policy change in force, thresholds only', {
    given: {},
    when: [ok(), apply({ minRequestAmount: 7 }), mark()],
    expect: { next: 3 },
  });
  rule('a deletion', { given: {}, when: [remove(), mark()], expect: { next: 2 } });
  rule('a set-back that pulled it in', {
    given: [at('1m'), apply()],
    when: [at('1s'), mark(), mark()],
    expect: { next: 2 },
  });
  rule('and no other: dropped, repeated, while open, of a neighbour, ticks, the same content again', {
    given: [apply({ errorAmountThreshold: 2 }), apply({ name: 'b', host: 'b' }), error({ id: '1', count: 2 })],
    when: [
      error({ id: '1' }), error({ generation: 1 }), error({ generation: 9 }), error({ generation: 2 }), error({ knownAt: '-2m' }),
      error({ upstream: 'b' }), error({ upstream: 'c' }), mark(), unreadable(), apply({ errorAmountThreshold: 2 }), clear(),
    ],
    expect: { next: 3, others: { b: { next: 9 } } },
  });
  rule('and no set-back that pulled nothing', {
    given: [apply(), at('20s')],
    when: [mark(), at('1s'), mark()],
    expect: { next: 1, clock: '1s' },
  });
  rule('and no mark of something that was written and is not in force', {
    given: {},
    when: [write(forcing('open')), ok()],
    expect: { next: 2, state: 'closed' },
  });
});
