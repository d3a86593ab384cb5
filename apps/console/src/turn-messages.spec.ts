import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Snapshot } from '#engine';
import { TurnMessages } from './turn-messages.ts';

const POLICY = { name: 'p', namespace: 'default', version: '0123456789ab' };
const view = (generation: number): { snapshot: Snapshot; partition: number } => ({
  partition: 0,
  snapshot: { upstream: 'a.test', incarnation: 1, next: generation, generation, state: 'closed', admit: 1, sinceMs: generation, window: { total: 0, errors: 0, slow: 0 }, policy: POLICY },
});

test('a breaker that is told to many in one turn is one message, unless it changes meanwhile, and another in the next', async () => {
  const listeners: ((upstream: string) => void)[] = [];
  const messages = new TurnMessages({ onChange: (listener) => (listeners.push(listener), () => {}) });
  const first = messages.of(view(1));
  expect(messages.of(view(1))).toBe(first);
  for (const listener of listeners) listener('a.test');
  const second = messages.of(view(2));
  expect([first.generation, second.generation, messages.of(view(2)) === second]).toEqual([1, 2, true]);
  await turn();
  expect(messages.of(view(3)).generation).toBe(3);
});
