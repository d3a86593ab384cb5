/** What the Kafka driver writes: each answer is of its own record, and what is refused harms nobody else. */
import { expect, test } from 'vitest';
import { partitionOf } from '#wire';
import { openStage, someOutcomes } from '../support/kafka-stage.ts';

test('outcomes of several partitions each get the append time of their own record', async () => {
  const { kafka } = openStage({ partitions: 3 });
  await kafka.prepare();
  const outcomes = someOutcomes('x', 0, 2_500);
  const told = (await Promise.all([kafka.outcomes.append(outcomes.slice(0, 30)), kafka.outcomes.append(outcomes.slice(30))])).flat();
  const stands = new Map<string, number>();
  for (const partition of [0, 1, 2]) {
    for (const { entry, appendMs } of await kafka.reader.read(partition, 0, 10_000)) {
      if (entry.kind !== 'outcome') throw new Error(`a record of partition ${partition} is ${entry.kind}`);
      expect(partitionOf(entry.outcome.upstream, 3)).toBe(partition);
      stands.set(entry.outcome.id as string, appendMs);
    }
  }
  expect(told).toEqual(outcomes.map(({ id }) => stands.get(id as string)));
});

test('what is asked at the same time is written in order, each once', async () => {
  const { kafka } = openStage({ partitions: 1 });
  await kafka.prepare();
  const outcomes = someOutcomes('x', 0, 500);
  await Promise.all(outcomes.map((outcome) => kafka.outcomes.append([outcome])));
  const read = await kafka.reader.read(0, 0, 1_000);
  expect(read.map(({ entry }) => entry.kind === 'outcome' && entry.outcome)).toEqual(outcomes);
});

test('a record that no broker takes is refused by itself: what was asked with it is written, once', async () => {
  const { kafka } = openStage({ partitions: 1 });
  await kafka.prepare();
  const [before, large, behind] = someOutcomes('x', 0, 3).map((outcome) => [outcome]);
  const tooLarge = large!.map((outcome) => ({ ...outcome, target: 'x'.repeat(2_000_000) }));
  const settled = await Promise.allSettled([before!, tooLarge, behind!].map((each) => kafka.outcomes.append(each)));
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  const ids = (await kafka.reader.read(0, 0, 10)).map(({ entry }) => entry.kind === 'outcome' && entry.outcome.id);
  expect(ids).toEqual(['x-0', 'x-2']);
});

test('a control append is all or nothing, and gives the last offset', async () => {
  const { kafka } = openStage();
  await kafka.prepare();
  const clear = (upstream: string) => ({ author: 'a', reason: 'r', source: 'api', change: { kind: 'clear', upstream } }) as const;
  const large = [clear('a'), clear('x'.repeat(2_000_000)), clear('b')];
  await expect(kafka.control.append(large)).rejects.toThrow(/larger than|too large/i);
  expect(await kafka.control.read(0)).toEqual([]);
  expect(await kafka.control.append(['a', 'b', 'c'].map(clear))).toBe(2);
  expect(await kafka.control.append([])).toBe(2);
});
