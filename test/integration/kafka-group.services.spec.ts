/** Several ingests share the partitions: each record is taken once, whoever comes and goes. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Ledger, openStage, Owner, someOutcomes } from '../support/kafka-stage.ts';
import { uniquePrefix } from '../support/services/services.ts';

const PARTITIONS = 4;

interface Ingest {
  readonly owner: Owner;
  readonly stop: () => Promise<void>;
}

async function startIngest(prefix: string, ledger: Ledger): Promise<Ingest> {
  const { kafka } = openStage({ prefix, partitions: PARTITIONS });
  await kafka.prepare();
  const owner = new Owner(ledger);
  const stop = await kafka.reader.run(owner);
  onTestFinished(stop);
  return { owner, stop };
}

const ownedBy = (...ingests: Ingest[]): number[] => ingests.flatMap(({ owner }) => owner.owned).toSorted((a, b) => a - b);
const ALL = Array.from({ length: PARTITIONS }, (_, partition) => partition);

/** Appends without a pause until stopped; gives the ids of what was appended. */
async function appendOn(prefix: string): Promise<() => Promise<string[]>> {
  const { kafka } = openStage({ prefix, partitions: PARTITIONS });
  await kafka.prepare();
  const ids: string[] = [];
  const over = new AbortController();
  const appending = (async () => {
    for (let n = 0; !over.signal.aborted; n += 20) {
      const outcomes = someOutcomes('x', n, n + 20);
      await kafka.outcomes.append(outcomes);
      ids.push(...outcomes.map(({ id }) => id as string));
      await sleep(1);
    }
  })();
  return async () => {
    over.abort();
    await appending;
    return ids;
  };
}

test('members come and go: every record is taken exactly once, in order, and nobody is told two things at once', async () => {
  const prefix = `${uniquePrefix()}.`;
  const ledger = new Ledger();
  const first = await startIngest(prefix, ledger);
  const over = await appendOn(prefix);
  await vi.waitFor(() => expect(ownedBy(first)).toEqual(ALL), 20_000);
  const second = await startIngest(prefix, ledger);
  await vi.waitFor(() => expect([first.owner.owned.length, second.owner.owned.length]).toEqual([2, 2]), 20_000);
  const third = await startIngest(prefix, ledger);
  await vi.waitFor(() => expect(third.owner.owned.length).toBeGreaterThan(0), 20_000);
  await first.stop();
  await vi.waitFor(() => expect(ownedBy(second, third)).toEqual(ALL), 20_000);
  await second.stop();
  await vi.waitFor(() => expect(ownedBy(third)).toEqual(ALL), 20_000);
  const ids = await over();
  await vi.waitFor(() => expect(ledger.ids).toHaveLength(ids.length), 20_000);
  expect(new Set(ledger.ids)).toEqual(new Set(ids));
  for (const records of ledger.taken.values()) {
    const offsets = records.map(({ offset }) => offset);
    expect(offsets).toEqual(offsets.map((_, index) => (offsets[0] as number) + index));
  }
  expect([first, second, third].flatMap(({ owner }) => owner.faults)).toEqual([]);
}, 60_000);

test('a partition that stays with its owner is not claimed again when others come and go', async () => {
  const prefix = `${uniquePrefix()}.`;
  const ledger = new Ledger();
  const first = await startIngest(prefix, ledger);
  await vi.waitFor(() => expect(ownedBy(first)).toEqual(ALL), 20_000);
  const second = await startIngest(prefix, ledger);
  await vi.waitFor(() => expect(second.owner.owned).toHaveLength(2), 20_000);
  const kept = first.owner.owned;
  expect(first.owner.claims).toHaveLength(PARTITIONS);
  await second.stop();
  await vi.waitFor(() => expect(ownedBy(first)).toEqual(ALL), 20_000);
  expect(first.owner.claims.filter((partition) => kept.includes(partition))).toHaveLength(kept.length);
  expect(first.owner.revocations.toSorted((a, b) => a - b)).toEqual(ALL.filter((partition) => !kept.includes(partition)));
});

test('a member that stops hands over within 2 s, though its handler refuses what it is given', async () => {
  const prefix = `${uniquePrefix()}.`;
  const ledger = new Ledger();
  const stopping = await startIngest(prefix, ledger);
  await vi.waitFor(() => expect(ownedBy(stopping)).toEqual(ALL), 20_000);
  const staying = await startIngest(prefix, ledger);
  await vi.waitFor(() => expect(staying.owner.owned).toHaveLength(2), 20_000);
  let refusals = 0;
  stopping.owner.onTake = async () => {
    refusals++;
    throw new Error('the store is out of reach');
  };
  const over = await appendOn(prefix);
  await vi.waitFor(() => expect(refusals).toBeGreaterThan(2), 20_000);
  const ids = await over();
  const beganMs = performance.now();
  await stopping.stop();
  await vi.waitFor(() => expect(ownedBy(staying)).toEqual(ALL), { timeout: 10_000, interval: 10 });
  expect(performance.now() - beganMs).toBeLessThan(2_000);
  await vi.waitFor(() => expect(new Set(ledger.ids)).toEqual(new Set(ids)), 20_000);
  expect(ledger.ids).toHaveLength(ids.length);
});

test('a slow partition holds up no other', async () => {
  const { kafka } = openStage({ partitions: PARTITIONS });
  await kafka.prepare();
  const ledger = new Ledger();
  const owner = new Owner(ledger);
  const held = Promise.withResolvers<void>();
  owner.onTake = async (partition) => await (partition === 0 ? held.promise : undefined);
  onTestFinished(await kafka.reader.run(owner));
  const outcomes = someOutcomes('x', 0, 20_000);
  for (let n = 0; n < outcomes.length; n += 1_000) await kafka.outcomes.append(outcomes.slice(n, n + 1_000));
  const ends = await Promise.all(ALL.map(async (partition) => (await kafka.reader.bounds(partition)).next));
  await vi.waitFor(() => expect(ALL.map((partition) => ledger.next.get(partition))).toEqual([undefined, ...ends.slice(1)]), 20_000);
  held.resolve();
  await vi.waitFor(() => expect(ALL.map((partition) => ledger.next.get(partition))).toEqual(ends), 20_000);
  expect(owner.faults).toEqual([]);
});

test('what was taken is told to the group, for lag tools and for the next owner (`passed`)', async () => {
  const { kafka, prefix } = openStage({ partitions: 1 });
  await kafka.prepare();
  expect((await kafka.reader.bounds(0)).passed).toBe(0);
  const ledger = new Ledger();
  const stop = await kafka.reader.run(new Owner(ledger));
  await kafka.outcomes.append(someOutcomes(randomUUID(), 0, 7));
  await vi.waitFor(() => expect(ledger.next.get(0)).toBe(7), 20_000);
  await stop();
  const { kafka: next } = openStage({ prefix, partitions: 1 });
  expect((await next.reader.bounds(0)).passed).toBe(7);
});
