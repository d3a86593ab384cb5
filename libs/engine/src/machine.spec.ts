import { createActor } from 'xstate';
import { describe, expect, test } from 'vitest';
import type { BreakerContext, BreakerEvent, Change, Moved } from './machine.ts';
import { breakerMachine, STATES, step } from './machine.ts';
import type { Policy } from './policy.ts';
import { Window } from './window.ts';
import { POLICY } from '../../../test/support/sample-policy.ts';

const NEXT_POLICY: Policy = { ...POLICY, identity: { ...POLICY.identity, version: 'v2' } };

const CHANGE: Change = { offset: 9, atMs: 5_000, reason: 'because', cause: { kind: 'deadline' }, untilMs: 9_000 };

const EVENTS: readonly BreakerEvent[] = [
  { type: 'tripped', change: CHANGE },
  { type: 'expired', change: CHANGE },
  { type: 'cleared', change: CHANGE },
  { type: 'policyDeleted', change: CHANGE },
  { type: 'policyApplied', policy: NEXT_POLICY, change: CHANGE },
  { type: 'forced', to: 'open', change: { ...CHANGE, override: { author: 'x', reason: 'y', controlOffset: 3 } } },
  { type: 'forced', to: 'closed', change: CHANGE },
  { type: 'policyChanged', policy: NEXT_POLICY, keepWindow: true },
  { type: 'policyChanged', policy: NEXT_POLICY, keepWindow: false },
  { type: 'pulledIn', clockMs: 1_000 },
];

const cases = Object.keys(STATES).flatMap((name) => EVENTS.map((event, nth) => ({ name: name as keyof typeof STATES, event, nth })));

function standing(name: keyof typeof STATES, told: Moved[]): BreakerContext {
  const state = name === 'open' || name === 'forcedOpen' ? 'open' : 'closed';
  return {
    upstream: 'a', partition: 1, incarnation: 2, generation: 7, state, sinceMs: 50_000, untilMs: 60_000, override: undefined,
    policy: name === 'unpoliced' ? undefined : POLICY,
    window: Window.from({ startedAtMs: 50_500, total: 4, errors: 2, slow: 1 }),
    onMoved: (moved) => void told.push(moved),
  };
}

const seen = (context: BreakerContext): unknown => ({ ...context, window: context.window.counts(), onMoved: undefined });

describe('a step without an actor is what an XState actor does', () => {
  test.each(cases)('$name at $event.type ($nth)', ({ name, event }) => {
    const [toldByActor, toldByStep]: [Moved[], Moved[]] = [[], []];
    const context = standing(name, toldByActor);
    const snapshot = { ...STATES[name], context };
    const actor = createActor(breakerMachine, { snapshot, input: context }).start();
    actor.send(event);
    const stepped = standing(name, toldByStep);
    const after = step(STATES[name], stepped, event);
    expect(after.value).toEqual(actor.getSnapshot().value);
    expect(after.tags).toEqual(actor.getSnapshot().tags);
    expect(seen(stepped)).toEqual(seen(actor.getSnapshot().context));
    expect(toldByStep).toEqual(toldByActor);
  });
});
