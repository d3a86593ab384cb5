/** What is known to go wrong with kafkajs (DESIGN of the driver: membership.ts, request-queue.ts), and must not. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type kafkajs from 'kafkajs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Ledger, openStage, Owner, someOutcomes, Stranger } from '../support/kafka-stage.ts';
import { services, uniquePrefix } from '../support/services/services.ts';

const FIXTURE = join(import.meta.dirname, 'fixtures/kafka-reader.ts');

interface Reader {
  readonly prefix: string;
  readonly said: { out: string; err: string };
  readonly closed: Promise<unknown[]>;
}

/** A reader in a process of its own. */
function startReader(mode: 'idle' | 'buggy'): Reader {
  const prefix = `${uniquePrefix()}.`;
  const [broker = ''] = services().kafkaBrokers.split(',');
  const child = spawn(process.execPath, ['--conditions=source', FIXTURE, mode, ...broker.split(':'), prefix], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => void (said.out += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => void (said.err += chunk));
  return { prefix, said, closed: once(child, 'close') };
}

test.each([['TypeError', TypeError], ['SyntaxError', SyntaxError]] as const)('a %s in a handler ends nothing: the batch is offered again', async (_, Kind) => {
  const { kafka } = openStage({ partitions: 1 });
  await kafka.prepare();
  const ledger = new Ledger();
  const owner = new Owner(ledger);
  let failures = 0;
  owner.onTake = async () => {
    if (failures++ < 3) throw new Kind('of the test');
  };
  onTestFinished(await kafka.reader.run(owner));
  await kafka.outcomes.append(someOutcomes('x', 0, 5));
  await vi.waitFor(() => expect(ledger.ids).toHaveLength(5), 20_000);
  expect([failures, owner.claims, owner.faults]).toEqual([4, [0], []]);
});

test('a bug (`Defect`) ends the process, loudly', async () => {
  const { prefix, said, closed } = startReader('buggy');
  await vi.waitFor(() => expect(said.out).toContain('claimed'), 20_000);
  const { kafka } = openStage({ prefix, partitions: 1 });
  await kafka.outcomes.append(someOutcomes('x', 0, 1));
  expect(await closed).toEqual([1, null]);
  expect(said.err).toContain('folding failed, which is a bug');
});

test('a batch that takes longer than a session costs neither membership nor partition', async () => {
  const prefix = `${uniquePrefix()}.`;
  const ledger = new Ledger();
  const { kafka } = openStage({ prefix, partitions: 2 });
  await kafka.prepare();
  const slow = new Owner(ledger);
  const batches: number[] = [];
  slow.onTake = async (_, records) => {
    batches.push(records.length);
    if (batches.length === 1) await sleep(8_000);
  };
  onTestFinished(await kafka.reader.run(slow));
  await vi.waitFor(() => expect(slow.owned).toEqual([0, 1]), 20_000);
  await kafka.outcomes.append(someOutcomes('x', 0, 10));
  await vi.waitFor(() => expect(batches.length).toBeGreaterThan(0), 20_000);
  await vi.waitFor(() => expect(ledger.ids).toHaveLength(10), 20_000);
  expect([slow.claims.toSorted((a, b) => a - b), slow.revocations, slow.faults]).toEqual([[0, 1], [], []]);
  expect(batches.reduce((sum, each) => sum + each)).toBe(10);
}, 60_000);

test('a rebalance in the middle of a batch waits for no batch, and what was at hand is taken once', async () => {
  const prefix = `${uniquePrefix()}.`;
  const ledger = new Ledger();
  const { kafka } = openStage({ prefix, partitions: 2 });
  await kafka.prepare();
  const first = new Owner(ledger);
  const held = Promise.withResolvers<void>();
  const atHand = new Set<number>();
  first.onTake = async (partition) => {
    atHand.add(partition);
    await held.promise;
  };
  onTestFinished(() => held.resolve());
  onTestFinished(await kafka.reader.run(first));
  await vi.waitFor(() => expect(first.owned).toEqual([0, 1]), 20_000);
  await kafka.outcomes.append(someOutcomes('x', 0, 40));
  await vi.waitFor(() => expect(atHand.size).toBe(2), 20_000);
  const second = new Owner(ledger);
  onTestFinished(await openStage({ prefix, partitions: 2 }).kafka.reader.run(second));
  // kafkajs by itself would let the group wait for the batch at hand.
  await vi.waitFor(() => expect(second.owned).toHaveLength(1), 20_000);
  expect(first.revocations).toEqual([]);
  held.resolve();
  await vi.waitFor(() => expect(first.revocations).toEqual(second.owned), 20_000);
  await vi.waitFor(() => expect(ledger.ids).toHaveLength(40), 20_000);
  expect(new Set(ledger.ids).size).toBe(40);
  expect([first.faults, second.faults]).toEqual([[], []]);
}, 90_000);

test('a producer that failed once is never used again: what follows is written by another', async () => {
  const { kafka, prefix } = openStage({ partitions: 1 });
  await kafka.prepare();
  await kafka.outcomes.append(someOutcomes('before', 0, 1));
  const tooLarge = { partition: 0, offset: 0, reason: 'r', key: null, value: Buffer.alloc(3_000_000) };
  // Kept by its place, after a send of it was refused for good.
  await kafka.deadLetters.append([tooLarge]);
  await kafka.outcomes.append(someOutcomes('behind', 0, 1));
  const consumer = new Stranger().kafka.consumer({ groupId: `${prefix}look`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  onTestFinished(() => consumer.disconnect());
  await consumer.subscribe({ topic: `${prefix}outcomes`, fromBeginning: true });
  const writers: string[] = [];
  type Batched = kafkajs.KafkaMessage & { readonly batchContext: { readonly producerId: string } };
  await consumer.run({ eachMessage: async ({ message }) => void writers.push((message as Batched).batchContext.producerId) });
  await vi.waitFor(() => expect(writers).toHaveLength(2), 20_000);
  expect(writers[0]).not.toBe(writers[1]);
  // Numbered, both of them.
  expect(writers).not.toContain('-1');
}, 60_000);

test('with nothing to do it does nothing to speak of, and Node warns of nothing', async () => {
  const { said, closed } = startReader('idle');
  expect(await closed).toEqual([0, null]);
  expect(said.err).toBe('');
  const busy = Number(/busy: (\S+)/.exec(said.out)?.[1]);
  // 0.01 on a quiet machine, 0.03 on a busy one.
  expect(busy).toBeLessThan(0.1);
}, 60_000);
