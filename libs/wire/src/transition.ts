/** A transition as the transitions log keeps it (schema/transition.schema.json). Times are whole ms since 1970. */
import type { Cause, PolicyIdentity, Transition, WindowCounts } from '#engine';
import { Fields, given } from './fields.ts';
import { toBytes } from './json.ts';

const STATES = ['closed', 'open'] as const;

export function encodeTransition(transition: Transition): Uint8Array {
  const { window } = transition;
  return toBytes({
    v: 1,
    kind: 'transition',
    upstream: transition.upstream,
    incarnation: transition.incarnation,
    generation: transition.generation,
    from: transition.from,
    to: transition.to,
    at: transition.atMs,
    reason: transition.reason,
    cause: transition.cause,
    window: { startedAt: window.startedAtMs, total: window.total, errors: window.errors, slow: window.slow },
    policy: transition.policy,
    openUntil: transition.openUntilMs,
  });
}

/** Unknown fields are passed over. Throws `UnreadableRecord`. */
export function decodeTransition(bytes: Uint8Array): Transition {
  const fields = Fields.of('a transition', bytes);
  fields.oneOf('kind', ['transition']);
  return {
    upstream: fields.text('upstream'),
    incarnation: fields.integer('incarnation'),
    generation: fields.integer('generation'),
    from: fields.oneOf('from', STATES),
    to: fields.oneOf('to', STATES),
    atMs: fields.integer('at'),
    reason: fields.text('reason'),
    cause: readCause(fields.object('cause')),
    window: readWindow(fields.object('window')),
    ...given('policy', fields.has('policy') ? readPolicyIdentity(fields.object('policy')) : undefined),
    ...given('openUntilMs', fields.has('openUntil') ? fields.integer('openUntil') : undefined),
  };
}

function readWindow(window: Fields): WindowCounts {
  return {
    ...given('startedAtMs', window.has('startedAt') ? window.integer('startedAt') : undefined),
    total: window.integer('total'),
    errors: window.integer('errors'),
    slow: window.integer('slow'),
  };
}

function readCause(cause: Fields): Cause {
  const kind = cause.oneOf('kind', ['outcome', 'deadline', 'override', 'policy']);
  switch (kind) {
    case 'outcome':
      return {
        kind,
        partition: cause.integer('partition'),
        offset: cause.integer('offset'),
        ...given('id', cause.has('id') ? cause.text('id') : undefined),
      };
    case 'deadline':
      return { kind };
    default:
      return { kind, author: cause.text('author'), controlOffset: cause.integer('controlOffset') };
  }
}

export function readPolicyIdentity(policy: Fields): PolicyIdentity {
  const isEnforced = !policy.has('enforced') || policy.boolean('enforced');
  return { name: policy.text('name'), namespace: policy.text('namespace'), version: policy.text('version'), ...given('enforced', isEnforced ? undefined : false) };
}
