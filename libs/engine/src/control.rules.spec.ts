/** docs/model.md C1 to C4: marks, policies and overrides. */
import { describe } from 'vitest';
import {
  apply, applying, at, clear, deleting, error, force, forcing, mark, markOf, ok, remove, rule, slow, times, write,
} from '../../../test/support/given.ts';

const TWO_ERRORS = { errorAmountThreshold: 2 };

describe('C1: documents', () => {
  rule('are known only from the control log: without one there is no breaker', {
    given: [],
    when: [ok(), mark()],
    expect: { snapshot: 'none', control: -1 },
  });
  rule('that replace one version: the first in the log is taken, and nobody takes the second', {
    given: [apply()],
    when: [apply({ errorAmountThreshold: 1, replaces: 'version of {}' }), apply({ errorAmountThreshold: 9, replaces: 'version of {}' }), error()],
    expect: { state: 'open', evidence: [[1, 1, 0]] },
  });
  rule('that are to be the first are taken only where there is none', {
    given: [apply({ errorAmountThreshold: 1, replaces: 'none' })],
    when: [apply({ errorAmountThreshold: 9, replaces: 'none' }), error()],
    expect: { state: 'open' },
  });
  rule('are deleted only in the version that was meant', {
    given: [apply()],
    when: [remove('web', 'another version')],
    expect: { policy: 'web', generation: 1 },
  });
  rule('of a directory are changed and deleted by the directory alone', {
    given: [apply({ ...TWO_ERRORS, source: 'directory' })],
    when: [apply({ errorAmountThreshold: 1 }), remove(), error()],
    expect: { policy: 'web', state: 'closed', generation: 1, window: [1, 1, 0] },
  });
  rule('that a directory has deleted are anybody’s again', {
    given: [apply({ ...TWO_ERRORS, source: 'directory' }), remove('web', undefined, 'directory')],
    when: [apply({ errorAmountThreshold: 1 }), error()],
    expect: { state: 'open', generation: 4 },
  });
  rule('of two for one host the second is refused', {
    given: [apply(TWO_ERRORS)],
    when: [apply({ name: 'second', errorAmountThreshold: 1 }), error()],
    expect: { state: 'closed', policy: 'web', generation: 1, window: [1, 1, 0] },
  });
  rule('of two for one host the second is refused, even if the first one sets limits only', {
    given: [apply({ circuitBreaking: 'none' })],
    when: [apply({ name: 'second' })],
    expect: { snapshot: 'none' },
  });
  rule('one refused does not come up by itself when the first goes', {
    given: [apply(), apply({ name: 'second' })],
    when: [remove()],
    expect: { policy: 'none', generation: 2 },
  });
  rule('one refused, and applied again after the first went, is in force', {
    given: [apply(), apply({ name: 'second' }), remove()],
    when: [apply({ name: 'second' })],
    expect: { policy: 'second', generation: 3 },
  });
  rule('one that would move onto a host that is taken is refused, and what it was stays in force', {
    given: [apply(), apply({ name: 'b', host: 'b' })],
    when: [apply({ name: 'b', host: 'web' })],
    expect: { policy: 'web', generation: 1, others: { b: { policy: 'b', generation: 1 } } },
  });
  rule('one that holds its host keeps it through changes of its own', {
    given: [apply(), apply({ name: 'second' })],
    when: [apply(TWO_ERRORS)],
    expect: { policy: 'web', generation: 1 },
  });
  rule('of the kind Upstream concern no breaker', {
    given: {},
    when: [write({ kind: 'delete', document: { kind: 'Upstream', namespace: 'default', name: 'web' } }), mark()],
    expect: { policy: 'web', generation: 1, next: 1 },
  });
  rule('of one name in two namespaces are two', {
    given: {},
    when: [write({ kind: 'delete', document: { kind: 'UpstreamTrafficSetting', namespace: 'other', name: 'web' } }), mark()],
    expect: { policy: 'web' },
  });
});

describe('C2: a mark', () => {
  rule('takes every control record up to its own that is not in force yet, in order', {
    given: [],
    when: [write(applying(TWO_ERRORS)), write(forcing('open')), write(deleting()), at('1s'), mark()],
    expect: {
      transitions: ['2: closed → open at 1s (override)', '3: open → closed at 1s (policy)'],
      control: 2, policy: 'none',
    },
  });
  rule('takes nothing beyond its own', {
    given: [],
    when: [write(applying()), write(deleting()), markOf(0)],
    expect: { control: 0, policy: 'web' },
  });
  rule('puts nothing into force before its own place', {
    given: [],
    when: [write(applying({ errorAmountThreshold: 1 })), error(), mark(), error()],
    expect: { tally: { unknown: 1, counted: 1 }, state: 'open' },
  });
  rule('moves the clock first, and expires what is due', {
    given: [apply({ errorAmountThreshold: 1 }), error()],
    when: [at('40s'), force('open')],
    expect: {
      transitions: [
        '2: closed → open at 0s until 30s (outcome)',
        '3: open → closed at 30s (deadline)',
        '4: closed → open at 40s (override)',
      ],
    },
  });
  rule('that repeats takes nothing', {
    given: [apply(), force('open')],
    when: [markOf(1), markOf(1)],
    expect: { generation: 2, tally: { mark: 4 } },
  });
  rule('of a lower record takes nothing', {
    given: [apply(), force('open')],
    when: [markOf(0)],
    expect: { generation: 2, control: 1, tally: { mark: 3 } },
  });
  rule('of none, while nothing is written, is a tick', {
    given: [],
    when: [at('5s'), mark()],
    expect: { clock: '5s', tally: { mark: 1 }, snapshot: 'none' },
  });
  rule('of a record that does not exist only moves the clock and is counted', {
    given: [apply(), write(forcing('open'))],
    when: [at('5s'), markOf(7, 'hash-7')],
    expect: { clock: '5s', control: 0, generation: 1, tally: { mark: 1, forgedMark: 1 } },
  });
  rule('with another hash only moves the clock and is counted', {
    given: [apply(), write(forcing('open'))],
    when: [at('5s'), markOf(1, 'hash-0')],
    expect: { clock: '5s', control: 0, generation: 1, tally: { mark: 1, forgedMark: 1 } },
  });
  rule('with another hash of a record long in force is counted as well', {
    given: {},
    when: [markOf(0, 'x')],
    expect: { tally: { mark: 1, forgedMark: 1 } },
  });
  rule('forged still expires what is due', {
    given: [apply({ errorAmountThreshold: 1 }), error()],
    when: [at('30s'), markOf(0, 'x')],
    expect: { state: 'closed' },
  });
});

describe('C3: a policy', () => {
  rule('applied first: generation 1, closed, no transition', {
    given: [],
    when: [at('3s'), mark(), at('1s'), apply()],
    expect: { generation: 1, state: 'closed', since: '3s', transitions: [], policy: 'web' },
  });
  rule('whose measuring fields are unchanged keeps its window', {
    given: [apply({ statTimeWindow: '1m', slowTimeThreshold: '1s' }), error(), slow()],
    when: [at('1s'), apply({ statTimeWindow: '1m', slowTimeThreshold: '1s', errorAmountThreshold: 9, degradedTimeWindow: '2h', minRequestAmount: 3 })],
    expect: { window: [2, 1, 1], windowFrom: '0s', generation: 1, transitions: [] },
  });
  rule('whose statTimeWindow changes starts an empty window', {
    given: [apply({ statTimeWindow: '1m' }), error()],
    when: [apply({ statTimeWindow: '2m' })],
    expect: { window: [0, 0, 0], windowFrom: 'none', generation: 1, transitions: [] },
  });
  rule('whose slowTimeThreshold changes starts an empty window', {
    given: [apply({ slowTimeThreshold: '1s' }), error()],
    when: [apply({ slowTimeThreshold: '2s' }), at('1s'), ok()],
    expect: { window: [1, 0, 0], windowFrom: '1s', generation: 1 },
  });
  rule('taken into force trips nothing', {
    given: [apply(), times(5, error())],
    when: [apply(TWO_ERRORS)],
    expect: { state: 'closed', window: [5, 5, 0] },
  });
  rule('taken into force judges the next outcome, even a good one', {
    given: [apply(), times(5, error())],
    when: [apply(TWO_ERRORS), at('1s'), ok()],
    expect: { transitions: ['2: closed → open at 1s until 31s (outcome)'], evidence: [[6, 5, 0]] },
  });
  rule('changed while open leaves it open until its time is over', {
    given: [apply(TWO_ERRORS), error({ count: 2 })],
    when: [apply({ statTimeWindow: '7s' }), at('29s'), ok(), at('30s'), mark()],
    expect: { transitions: ['2: closed → open at 0s until 30s (outcome)', '3: open → closed at 30s (deadline)'] },
  });
  rule('changed while forced keeps the override', {
    given: [apply(), force('open', '1m')],
    when: [apply({ statTimeWindow: '7s' })],
    expect: { override: 'alice', state: 'open', until: '60s', generation: 2 },
  });
  rule('deleted: closed, generation + 1, window gone; the window stands in the transition', {
    given: [apply(), ok(), error()],
    when: [at('4s'), remove()],
    expect: {
      transitions: ['2: closed → closed at 4s (policy)'], evidence: [[2, 1, 0]],
      window: [0, 0, 0], windowFrom: 'none', since: '4s', policy: 'none', generation: 2,
    },
  });
  rule('deleted while open closes', {
    given: [apply({ errorAmountThreshold: 1 }), error()],
    when: [at('4s'), remove()],
    expect: { transitions: ['2: closed → open at 0s until 30s (outcome)', '3: open → closed at 4s (policy)'], until: 'none', admit: 1 },
  });
  rule('deleted takes its override along', {
    given: [apply(), force('open')],
    when: [remove()],
    expect: { state: 'closed', override: 'none', generation: 3 },
  });
  rule('deleted leaves its snapshot for ever as {closed, generation, no policy}', {
    given: [apply(), remove()],
    when: [at('24h'), mark(), ok()],
    expect: { state: 'closed', generation: 2, policy: 'none', window: [0, 0, 0], next: 2 },
  });
  rule('replaced by a setting without circuitBreaking is deleted', {
    given: [apply(), ok()],
    when: [apply({ circuitBreaking: 'none' })],
    expect: { transitions: ['2: closed → closed at 0s (policy)'], policy: 'none' },
  });
  rule('that was never there is not deleted', { given: {}, when: [remove('stranger')], expect: { generation: 1, next: 1 } });
  rule('applied again: generation + 1, fresh', {
    given: [apply(), ok(), remove(), at('9s')],
    when: [apply(TWO_ERRORS)],
    expect: {
      transitions: ['2: closed → closed at 0s (policy)', '3: closed → closed at 9s (policy)'], evidence: [[1, 0, 0], [0, 0, 0]],
      generation: 3, since: '9s', window: [0, 0, 0], policy: 'web',
    },
  });
  rule('whose host changes is a deletion at the old one and an application at the new', {
    given: [apply(), ok()],
    when: [apply({ host: 'new' }), ok({ upstream: 'new' })],
    expect: {
      transitions: ['2: closed → closed at 0s (policy)'],
      policy: 'none', generation: 2,
      others: { new: { generation: 1, policy: 'web', window: [1, 0, 0] } },
    },
  });
  rule('whose host changes and changes back is applied again', {
    given: [apply(), apply({ host: 'new' })],
    when: [apply()],
    expect: { generation: 3, policy: 'web', others: { new: { generation: 2, policy: 'none' } } },
  });
  rule('of the same content again: nothing happens', {
    given: [apply({ errorAmountThreshold: 3 }), error()],
    when: [apply({ errorAmountThreshold: 3 }), at('1s'), error()],
    expect: { window: [2, 2, 0], windowFrom: '0s', generation: 1, control: 1 },
  });
});
describe('C4: a policy that is not enforced', () => {
  const HELD_BACK = { ...TWO_ERRORS, enforce: 'false' } as const;
  rule('opens and closes like any other, counts nothing meanwhile, and refuses nothing', {
    given: [apply(HELD_BACK), error({ count: 2 })],
    when: [at('1s'), error(), error({ generation: 2 })],
    expect: { state: 'open', admit: 1, until: '30s', window: [0, 0, 0], tally: { whileOpen: 2 }, transitions: ['2: closed → open at 0s until 30s (outcome)'] },
  });
  rule('tells of its end like any other', {
    given: [apply(HELD_BACK), error({ count: 2 })],
    when: [at('30s'), mark()],
    expect: { state: 'closed', admit: 1, transitions: ['2: closed → open at 0s until 30s (outcome)', '3: open → closed at 30s (deadline)'] },
  });
  rule('is a person’s to open all the same', {
    given: HELD_BACK,
    when: [force('open', '1m')],
    expect: { state: 'open', admit: 0, override: 'alice' },
  });
  rule('enforced while it is open refuses until its time is over', {
    given: [apply(HELD_BACK), error({ count: 2 })],
    when: [at('1s'), apply(TWO_ERRORS)],
    expect: { state: 'open', admit: 0, generation: 2, until: '30s' },
  });
  rule('enforced no longer while it is open refuses nothing at once', {
    given: [apply(TWO_ERRORS), error({ count: 2 })],
    when: [at('1s'), apply(HELD_BACK)],
    expect: { state: 'open', admit: 1, generation: 2, until: '30s', window: [0, 0, 0] },
  });
});

describe('an override', () => {
  rule('forced open counts nothing', {
    given: {},
    when: [force('open'), error(), error({ generation: 2 })],
    expect: { state: 'open', admit: 0, window: [0, 0, 0], tally: { whileOpen: 2 } },
  });
  rule('forced closed counts, and trips nothing', {
    given: TWO_ERRORS,
    when: [force('closed'), times(9, error())],
    expect: { state: 'closed', admit: 1, override: 'alice', window: [9, 9, 0], generation: 2 },
  });
  rule('forced closed ends a trip', {
    given: [apply(TWO_ERRORS), error({ count: 2 })],
    when: [at('1s'), force('closed')],
    expect: { transitions: ['2: closed → open at 0s until 30s (outcome)', '3: open → closed at 1s (override)'], until: 'none' },
  });
  rule('forced open over a trip replaces its end', {
    given: [apply(TWO_ERRORS), error({ count: 2 })],
    when: [at('1s'), force('open', '5s'), at('6s'), mark()],
    expect: {
      transitions: ['2: closed → open at 0s until 30s (outcome)', '3: open → open at 1s until 6s (override)', '4: open → closed at 6s (deadline)'],
    },
  });
  rule('shows the window as it stood, and empties it', {
    given: [apply(), ok({ count: 3 })],
    when: [force('open')],
    expect: { evidence: [[3, 0, 0]], window: [0, 0, 0], windowFrom: 'none' },
  });
  rule('cleared: closed, empty window, no end', {
    given: [apply(), force('closed', '1m'), ok()],
    when: [at('2s'), clear()],
    expect: {
      transitions: ['2: closed → closed at 0s until 60s (override)', '3: closed → closed at 2s (override)'],
      override: 'none', until: 'none', window: [0, 0, 0], since: '2s',
    },
  });
  rule('that is not there is not cleared, though the breaker be open', {
    given: [apply(TWO_ERRORS), error({ count: 2 })],
    when: [clear()],
    expect: { state: 'open', generation: 2 },
  });
  rule('of an upstream without a policy does nothing', {
    given: [apply(), remove()],
    when: [force('open'), force('open', '1m', 'stranger'), clear()],
    expect: { state: 'closed', generation: 2, override: 'none', others: { stranger: undefined } },
  });
});
