import { describe, expect, it } from 'vitest';
import type { PartitionMeta } from '#engine';
import { partitionOf } from '#wire';
import { ReadModel } from '../read-model.ts';
import { inForceAt } from './in-force.ts';

const PARTITIONS = 2;
const UPSTREAM = 'a.test';
const own = partitionOf(UPSTREAM, PARTITIONS);

/** A model that is told how far partitions and documents are. */
function stage() {
  const model = new ReadModel({ nowMs: Date.now, monotonicMs: () => performance.now() });
  const states = (partition: number, control: number): void => model.applyStates({ partition, meta: { incarnation: 1, next: 1, clockMs: 0, control, sequence: control } satisfies PartitionMeta, snapshots: [] });
  const documents = (control: number): void => model.applyDocuments({ control, documents: [] });
  const settled: (number | undefined)[] = [];
  const wait = (isDocument: boolean, waitMs = 60_000): void => void inForceAt(model, PARTITIONS, { offset: 5, upstreams: [UPSTREAM], isDocument, waitMs }).then((atMs) => settled.push(atMs));
  const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
  return { states, documents, wait, settled, turn };
}

describe('a control record is in force', () => {
  it('once the partition of its upstream has taken it, whatever the others have', async () => {
    const { states, wait, settled, turn } = stage();
    wait(false);
    states(1 - own, 9);
    states(own, 4);
    await turn();
    expect(settled).toEqual([]);
    states(own, 5);
    await turn();
    expect(settled).toEqual([expect.any(Number)]);
  });

  it('if it is a document’s, not before the documents are those as of it', async () => {
    const { states, documents, wait, settled, turn } = stage();
    states(own, 5);
    documents(4);
    wait(true);
    await turn();
    expect(settled).toEqual([]);
    documents(5);
    await turn();
    expect(settled).toEqual([expect.any(Number)]);
  });

  it('as far as anybody waits: later it is not known', async () => {
    const { states, wait, settled } = stage();
    wait(false, 1);
    await expect.poll(() => settled).toEqual([undefined]);
    states(own, 5);
    wait(false, 0);
    await expect.poll(() => settled).toEqual([undefined, undefined]);
  });
});
