/**
 * StateStore under any sequence of claims, commits, resends and publications by several owners, compared with K's
 * sentences written down once more, naively.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Claim, Commit, CommitAnswer, OutboxEntry, Snapshot } from '#engine';
import type { DriverUnderTest, Harness } from './harness.ts';
import { commit, entry, ids, snapshot } from './samples.ts';

const RUNS = 60;
const GROUPS = ['active', 'standby'] as const;

interface Owner {
  readonly group: string;
  epoch: number;
  incarnation: number;
  expected: number | null;
  last?: Commit;
}

type Step =
  | { readonly kind: 'claim'; readonly owner: number }
  | { readonly kind: 'commit'; readonly owner: number; readonly records: number; readonly believes: 'told' | 'nothing' | number; readonly incarnation: number; readonly rewrite: boolean }
  | { readonly kind: 'resend'; readonly owner: number }
  | { readonly kind: 'publish'; readonly share: number };

const owner = fc.nat(2);
const STEP: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('claim' as const), owner }),
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      owner,
      records: fc.nat(4),
      believes: fc.oneof({ weight: 6, arbitrary: fc.constant('told' as const) }, fc.constant('nothing' as const), fc.nat(12)),
      incarnation: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, fc.constantFrom(-1, 1)),
      rewrite: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.constant(true)),
    }),
  },
  fc.record({ kind: fc.constant('resend' as const), owner }),
  fc.record({ kind: fc.constant('publish' as const), share: fc.nat(3) }),
);

/** K1 and K2, sentence by sentence. */
class NaiveStore {
  readonly #epochs = new Map<string, number>();
  #meta: Claim['meta'];
  #last = '';
  #snapshots = new Map<string, Snapshot>();
  #ids: Claim['ids'] = [];
  outbox: OutboxEntry[] = [];

  claim(group: string): Claim {
    const epoch = (this.#epochs.get(group) ?? 0) + 1;
    this.#epochs.set(group, epoch);
    const snapshots = [...this.#snapshots.values()].toSorted(byUpstream);
    return { epoch, ...(this.#meta === undefined ? {} : { meta: this.#meta }), snapshots, ids: this.#ids, outbox: this.outbox };
  }

  commit(sent: Commit): CommitAnswer {
    const meta = this.#meta;
    if (meta !== undefined && sent.commitId === this.#last) return { kind: 'ALREADY' };
    if ((this.#epochs.get(sent.group) ?? 0) > sent.epoch) return { kind: 'FENCED' };
    if (meta !== undefined && meta.incarnation > sent.incarnation) return { kind: 'FENCED' };
    const isNewIncarnation = meta !== undefined && sent.incarnation > meta.incarnation;
    if (isNewIncarnation && sent.rewrite !== true) return { kind: 'REGRESSED', next: meta.next };
    if (!isNewIncarnation && sent.expected !== (meta?.next ?? null)) {
      if (meta === undefined) return { kind: 'REGRESSED' };
      const isBehind = sent.expected === null || sent.expected < meta.next;
      return isBehind ? { kind: 'AHEAD', next: meta.next } : { kind: 'REGRESSED', next: meta.next };
    }
    this.#write(sent);
    return { kind: 'OK' };
  }

  #write(sent: Commit): void {
    if (sent.rewrite === true) {
      this.#snapshots = new Map();
      this.#ids = [];
    }
    for (const each of sent.snapshots) this.#snapshots.set(each.upstream, each);
    this.#ids = [...this.#ids, ...sent.ids];
    const known = new Set(this.outbox.map(nameOf));
    this.outbox = [...this.outbox, ...sent.outbox.filter((each) => !known.has(nameOf(each)))];
    const { incarnation, next, clockMs, control } = sent;
    this.#meta = { incarnation, next, clockMs, control, sequence: (this.#meta?.sequence ?? 0) + 1 };
    this.#last = sent.commitId;
  }
}

const nameOf = ({ offset, transition: { incarnation, generation, upstream } }: OutboxEntry): string => `${offset} ${incarnation} ${generation} ${upstream}`;
const byUpstream = (a: Snapshot, b: Snapshot): number => (a.upstream < b.upstream ? -1 : 1);

/** What an owner that stands at `from` sends; content is a function of the log, so owners agree on it. */
function commitFor({ group, epoch, incarnation }: Owner, expected: number | null, { records, rewrite, id }: { records: number; rewrite: boolean; id: number }): Commit {
  const from = expected ?? 0;
  const next = from + records;
  const first = rewrite ? 0 : from;
  const touched = Array.from({ length: next - first }, (_, index) => first + index);
  const newest = new Map(touched.map((offset) => [`u${offset % 3}.test`, offset + 1]));
  return commit(expected, next, {
    group,
    epoch,
    incarnation,
    rewrite,
    commitId: `commit ${id}`,
    snapshots: [...newest].map(([upstream, version]) => snapshot(upstream, version, { incarnation })),
    ids: ids(first, next),
    outbox: touched.filter((offset) => offset % 2 === 0).map((offset) => entry(offset, offset, { incarnation, upstream: `u${offset % 3}.test` })),
  });
}

async function play(driver: DriverUnderTest, steps: readonly Step[]): Promise<void> {
  const naive = new NaiveStore();
  const owners: Owner[] = [GROUPS[0], GROUPS[0], GROUPS[1]].map((group) => ({ group, epoch: 1, incarnation: 1, expected: null }));
  for (const [id, step] of steps.entries()) {
    const by = 'owner' in step ? owners[step.owner] : undefined;
    if (step.kind === 'publish') {
      const some = naive.outbox.filter((_, index) => index % 4 >= step.share);
      naive.outbox = naive.outbox.filter((_, index) => index % 4 < step.share);
      await driver.states.published(0, some);
    } else if (by !== undefined && step.kind === 'claim') {
      const claim = await expectAlike(driver, naive, by.group);
      Object.assign(by, { epoch: claim.epoch, incarnation: claim.meta?.incarnation ?? by.incarnation, expected: claim.meta?.next ?? null });
    } else if (by !== undefined && step.kind === 'commit') {
      by.incarnation = Math.max(1, by.incarnation + step.incarnation);
      const expected = step.believes === 'told' ? by.expected : step.believes === 'nothing' ? null : step.believes;
      by.last = commitFor(by, expected, { records: step.records, rewrite: step.rewrite, id });
      await send(driver, naive, by);
    } else if (by?.last !== undefined) await send(driver, naive, by);
  }
  await expectAlike(driver, naive, 'looking on');
}

async function send(driver: DriverUnderTest, naive: NaiveStore, by: Owner): Promise<void> {
  if (by.last === undefined) return;
  const wanted = naive.commit(by.last);
  expect(await driver.states.commit(by.last)).toEqual(wanted);
  if (wanted.kind === 'OK') by.expected = by.last.next;
  else if ('next' in wanted && wanted.next !== undefined) by.expected = wanted.next;
}

async function expectAlike(driver: DriverUnderTest, naive: NaiveStore, group: string): Promise<Claim> {
  const wanted = naive.claim(group);
  const { snapshots, ...claim } = await driver.states.claim(0, group);
  expect({ ...claim, snapshots: snapshots.toSorted(byUpstream) }).toEqual(wanted);
  return wanted;
}

export function stateStoreModelContract(harness: Harness): void {
  describe('the state store', () => {
    test('answers any sequence of claims, commits, resends and publications of three owners as K says', { timeout: 120_000 }, async () => {
      const property = fc.asyncProperty(fc.array(STEP, { minLength: 5, maxLength: 40 }), async (steps) => {
        const driver = await harness.open();
        try {
          await play(driver, steps);
        } finally {
          await driver.close();
        }
      });
      await expect(fc.assert(property, { numRuns: RUNS })).resolves.toBeUndefined();
    });
  });
}
