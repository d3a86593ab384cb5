import { expect, onTestFinished, test } from 'vitest';
import type { Snapshot } from '#engine';
import type { FleetView } from '../fleet/fleet-view.ts';
import { ReadModel } from '../read-model.ts';
import { EventHub } from './event-hub.ts';
import { LogEnds } from './log-ends.ts';

/** One that counts how often all its names are gone through. */
class CountingModel extends ReadModel {
  walks = 0;

  override names(): Iterable<string> {
    this.walks++;
    return super.names();
  }
}

const snapshot = (upstream: string, state: Snapshot['state']): Snapshot => ({ upstream, incarnation: 1, next: 1, generation: 1, state, admit: state === 'open' ? 0 : 1, sinceMs: 0, window: { total: 0, errors: 0, slow: 0 } });

function stage(...snapshots: Snapshot[]) {
  const clocks = { nowMs: () => 0, monotonicMs: () => 0 };
  const model = new CountingModel(clocks);
  model.applyStates({ partition: 0, snapshots });
  const hub = new EventHub({
    model,
    // The history is away for as long as the test.
    transitions: { append: async () => {}, list: () => new Promise(() => {}), follow: () => new Promise(() => {}) },
    ends: new LogEnds({ reader: { bounds: () => new Promise(() => {}) }, partitions: 1, monotonicMs: clocks.monotonicMs }),
    logger: { warn: () => {} } as never,
    about: { instance: 'console-1', version: '1.2.3' },
    health: { ready: () => ({ ok: true, body: {} }) },
    proxies: () => 0,
    fleet: { ageMs: undefined } as FleetView,
    nowMs: clocks.nowMs,
  });
  onTestFinished(() => hub.close());
  return { hub, model };
}

test('a reader is told the open ones first, each group by name, and all the names are gone through once for it', () => {
  const { hub, model } = stage(snapshot('d', 'open'), snapshot('c', 'closed'), snapshot('b', 'open'), snapshot('a', 'closed'));
  const written: string[] = [];
  hub.open({ write: (text) => void written.push(text), isFull: () => false }, { lastId: undefined, mayWrite: false }).tell();
  const told = written.filter((text) => text.startsWith('event: breakers')).flatMap((text) => JSON.parse(text.split('data: ')[1] as string) as { upstream: string }[]);
  expect(told.map(({ upstream }) => upstream)).toEqual(['b', 'd', 'a', 'c']);
  expect(model.walks).toBe(1);
});
