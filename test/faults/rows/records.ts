/** Records as strangers and networks make them: repeated, out of order, late, unreadable, misrouted, too many. */
import { setTimeout as sleep } from 'node:timers/promises';
import { partitionOf } from '#wire';
import type { Entry } from '../ledger.ts';
import { metric } from '../metrics.ts';
import { claim, type Row, type Seen } from '../row.ts';
import type { Stage } from '../stage.ts';
import { PARTITIONS, STEADY } from '../upstreams.ts';
import type { World } from '../world.ts';

const BACK_GOAL_SECONDS = 10;
const YEAR_MS = 365 * 24 * 3_600_000;
const AHEAD_MAX_MS = 30_000;
/** Beyond what the fleet of a row takes for late. */
const LATE_MS = 2 * 3_600_000;

const fate = ({ ingests }: World, of: string): Promise<number> => metric(ingests[0] as World['ingests'][number], 'fuseboard_outcomes_total', `fate="${of}"`);

/** By a sequence of its own, so that a run can be repeated. */
function chance(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

const oneOf = <T>(all: readonly T[], random: () => number): T => all[Math.floor(random() * all.length)] as T;

function someEntries(count: number, random: () => number, more: () => Partial<Entry>): Entry[] {
  return Array.from({ length: count }, () => ({ upstream: oneOf(STEADY, random), status: random() < 0.2 ? 500 : 200, durationMs: random() < 0.1 ? 250 : 2, ...more() }));
}

async function repeated(stage: Stage): Promise<Seen> {
  const world = await stage.world();
  const random = chance(1);
  const shares = [0, 0.1, 0.3, 0.5];
  let [sent, repeats] = [0, 0];
  await world.afterCalm(() => undefined);
  for (let round = 0; round < stage.lasting(60, 20); round++) {
    const fresh = someEntries(100, random, () => ({ id: `r${sent++}` }));
    const again = fresh.filter(() => random() < oneOf(shares, random)).map((entry) => ({ ...entry, counts: false }));
    await world.ledger.send(fresh);
    // In another order, among others; some more than once.
    await world.ledger.send([...again.toReversed(), ...again.slice(0, 10), ...someEntries(10, random, () => ({}))]);
    repeats += again.length + Math.min(10, again.length);
  }
  await world.handOver();
  const found = await fate(world, 'repeat');
  claim(found >= repeats, `each of ${repeats} repeats is told as one; ${found} were`);
  return await world.proven(`${repeats} repeats of ${sent} records, none counted; the horizon is 65,536 ids a partition`);
}

async function disordered(stage: Stage): Promise<Seen> {
  const world = await stage.world();
  const random = chance(2);
  await world.afterCalm(() => undefined);
  // What was known before its breaker began says nothing of it (G2).
  const sinceMs = Math.max(...STEADY.map((upstream) => world.snapshot(upstream)?.sinceMs ?? Infinity)) + 1_000;
  const anyTime = (): number => sinceMs + random() * (Date.now() + AHEAD_MAX_MS - sinceMs);
  const reporters = Array.from({ length: 4 }, async () => {
    for (let round = 0; round < stage.lasting(40, 15); round++) {
      await world.ledger.send(someEntries(50, random, () => ({ atMs: anyTime(), count: 1 + Math.floor(random() * 5) })));
    }
  });
  await Promise.all(reporters);
  return await world.proven('four producers at once, times in no order');
}

async function lateAndFuture(stage: Stage): Promise<Seen> {
  const world = await stage.world();
  const random = chance(3);
  const times = [-LATE_MS, -YEAR_MS, -Infinity, LATE_MS, YEAR_MS, Infinity];
  let late = 0;
  await world.afterCalm(() => undefined);
  for (let round = 0; round < 20; round++) {
    const entries = someEntries(30, random, () => {
      const offMs = oneOf(times, random);
      const atMs = Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, Date.now() + offMs));
      return { atMs, counts: offMs > 0 };
    });
    late += entries.filter(({ counts }) => counts === false).length;
    await world.ledger.send(entries);
  }
  await world.handOver();
  const found = await fate(world, 'late');
  claim(found === late, `${late} late outcomes are told as late; ${found} were`);
  return await world.proven(`${late} outcomes two hours and more old: late, not counted; as many from the future: counted as of now`);
}

/** Nothing of this is an outcome. */
function poison(): (Buffer | null)[] {
  const good = { v: 1, upstream: STEADY[0], at: 1_790_000_000_000, status: 500, reporter: 'poison' };
  const bad: unknown[] = [
    null, [], 'x', 1, true, {}, { ...good, v: 2 }, { ...good, v: '1' }, { ...good, upstream: '' }, { ...good, upstream: 7 }, { ...good, upstream: 'x'.repeat(300) },
    { ...good, at: 1.5 }, { ...good, at: '1' }, { ...good, at: -1 }, { ...good, at: 1e300 }, { ...good, status: 99 }, { ...good, status: 600 }, { ...good, status: '500' }, { ...good, reporter: null },
    { ...good, count: 0 }, { ...good, count: 1e9 }, { ...good, count: -1 }, { ...good, count: 1.5 }, { ...good, id: '' }, { ...good, id: {} }, { ...good, failure: 'x' }, { ...good, failure: 'reset' },
    { ...good, durationMs: -1 }, { ...good, durationMs: 'NaN' }, { ...good, kind: 'nothing' }, { ...good, kind: 'mark' }, { ...good, generation: 1 }, { ...good, incarnation: '1', generation: 1 },
    { ...good, pad: 'x'.repeat(70_000) }, { ...good, pad: 'x'.repeat(900_000) },
  ];
  const raw = ['', ' ', '{', '{"v":1', 'NaN', '{"v":NaN}', '[1e999999]', '\u0000', `${'['.repeat(100_000)}`, `${'{"a":'.repeat(20_000)}`, '{"v":1}{"v":1}', '<xml/>', '{"__proto__":{"v":1}}', `"${'9'.repeat(10_000)}"`, '9'.repeat(10_000)];
  const bytes = [Buffer.from([0xff, 0xfe, 0x00]), Buffer.from([0x08, 0x01, 0x12, 0x03]), Buffer.concat([Buffer.from('{"v":1,"upstream":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')])];
  return [null, ...bad.map((value) => Buffer.from(JSON.stringify(value))), ...raw.map((text) => Buffer.from(text)), ...bytes];
}

async function poisoned(stage: Stage): Promise<Seen> {
  const world = await stage.world();
  const corpus = poison();
  await world.afterCalm(() => undefined);
  for (let partition = 0; partition < PARTITIONS; partition++) {
    // Together they are more than a broker takes at once.
    for (const value of corpus) await world.ledger.sendRaw(partition, [value]);
    await world.ledger.sendRaw(partition, corpus.slice(0, 10), null);
  }
  const tooLarge = await world.ledger.sendRaw(0, [Buffer.alloc(2_000_000, 'x')]).then(() => 'taken', (error: { readonly type?: string }) => error.type ?? 'refused');
  claim(tooLarge !== 'taken', 'the broker refuses 2 MB');
  await world.handOver();
  const sent = PARTITIONS * (corpus.length + 10);
  const ingest = world.ingests[0] as World['ingests'][number];
  const dead = await metric(ingest, 'fuseboard_dead_letters_total');
  claim(dead === sent, `each of ${sent} unreadable records is a dead letter; ${dead} are`);
  const offsets = await world.admin((admin) => admin.fetchTopicOffsets(`${world.prefix}.outcomes.dead`));
  const kept = offsets.reduce((sum, { high }) => sum + Number(high), 0);
  claim(kept >= sent, `all dead letters are in their topic; ${kept} are`);
  return await world.proven(`${sent} unreadable records (${corpus.length} kinds, up to 900 kB) are dead letters, the partitions went on; 2 MB: ${tooLarge} by the broker`);
}

async function misrouted(stage: Stage): Promise<Seen> {
  const world = await stage.world({ ingests: [{}, {}] });
  const random = chance(4);
  let sent = 0;
  await world.afterCalm(() => undefined);
  for (let round = 0; round < 20; round++) {
    const entries = someEntries(50, random, () => ({})).map((entry) => ({ ...entry, partition: Math.floor(random() * PARTITIONS) }));
    sent += entries.filter(({ upstream, partition }) => partition !== partitionOf(upstream, PARTITIONS)).length;
    await world.ledger.send(entries);
    // One that is killed between sending on and committing sends on again.
    if (round === 10) await (world.ingests[0] as World['ingests'][number]).kill();
  }
  const seconds = await world.handOver();
  return await world.proven(`${sent} records in a wrong partition, counted once each though an ingest was killed among them`, { figures: [{ what: 'hand-over', seconds, goalSeconds: 8 }] });
}

async function manyKeys(stage: Stage): Promise<Seen> {
  const world = await stage.world();
  const ingest = world.ingests[0] as World['ingests'][number];
  const keys = stage.lasting(300_000, 20_000);
  await world.afterCalm(() => undefined);
  const before = await metric(ingest, 'process_resident_memory_bytes');
  for (let sent = 0; sent < keys; sent += 1_000) {
    await world.ledger.send(Array.from({ length: 1_000 }, (_, i) => ({ upstream: `nobody-${sent + i}.invalid`, status: 500, counts: false })));
  }
  const seconds = await world.handOver();
  const after = await metric(ingest, 'process_resident_memory_bytes');
  const unknown = await fate(world, 'unknown-upstream');
  claim(unknown >= keys, `${keys} outcomes of unknown upstreams are told as such; ${unknown} were`);
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);
  return await world.proven(`${keys.toLocaleString('en')} made-up names, none kept; ingest ${megabytes(before)} MB before, ${megabytes(after)} MB after`, {
    figures: [{ what: 'lag zero after the last', seconds, goalSeconds: BACK_GOAL_SECONDS }],
  });
}

async function hotPartition(stage: Stage): Promise<Seen> {
  const world = await stage.world();
  const [hot] = STEADY as [string];
  const others = STEADY.filter((upstream) => partitionOf(upstream, PARTITIONS) !== partitionOf(hot, PARTITIONS));
  const records = stage.lasting(200_000, 40_000);
  let lag = 0;
  const over = new AbortController();
  const watch = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const fromMs = performance.now();
      await world.positions.passed(await world.ledger.send(others.map((upstream) => ({ upstream, status: 200 }))));
      lag = Math.max(lag, (performance.now() - fromMs) / 1_000);
      await sleep(100);
    }
  };
  await world.afterCalm(() => undefined);
  const watching = watch();
  for (let sent = 0; sent < records; sent += 2_000) await world.ledger.send(Array.from({ length: 2_000 }, () => ({ upstream: hot, status: 200, durationMs: 1 })));
  const seconds = await world.handOver();
  over.abort();
  await watching;
  return await world.proven(`${records.toLocaleString('en')} records of one upstream as fast as Kafka takes them`, {
    figures: [{ what: 'lag of the other partitions, at most', seconds: lag, goalSeconds: 2 }, { what: 'lag zero after the last', seconds, goalSeconds: BACK_GOAL_SECONDS }],
  });
}

export const RECORDS: readonly Row[] = [
  {
    id: 'duplicates',
    fault: 'records come more than once',
    how: 'a producer sends 0 to 50 % of its records again, in another order',
    promised: 'counted once, within the last 65,536 ids of a partition',
    run: repeated,
  },
  {
    id: 'records-disordered',
    fault: 'records of one upstream come out of order',
    how: 'four producers at once, each `at` anywhere from the breaker’s beginning to 30 s ahead',
    promised: 'windows count all of them, whatever their order',
    run: disordered,
  },
  {
    id: 'records-late',
    fault: 'records are late, or from the future',
    how: '`at` from 1970 to 2^53 - 1, each hours or a year off',
    promised: 'late ones are told by a metric and not counted; future ones count as of now; no state goes wrong',
    run: lateAndFuture,
  },
  {
    id: 'records-poisoned',
    fault: 'records that can’t be read, and oversized ones',
    how: 'some fifty kinds into every partition: tombstones, broken JSON and UTF-8, wrong types, deep nesting, unknown versions, up to 900 kB',
    promised: 'each is a dead letter with offset and reason, counted; the partition goes on',
    isShort: true,
    run: poisoned,
  },
  {
    id: 'records-misrouted',
    fault: 'records in the wrong partition',
    how: 'a producer chooses partitions at random; an ingest is killed among it',
    promised: 'sent on once, counted once',
    run: misrouted,
  },
  {
    id: 'many-keys',
    fault: 'names without end',
    how: '300,000 outcomes of made-up upstreams',
    promised: 'memory stays flat; counted in a metric; the real upstreams are untouched',
    run: manyKeys,
  },
  {
    id: 'hot-partition',
    fault: 'one partition is hot',
    how: '200,000 records of one upstream as fast as Kafka takes them',
    promised: 'the other partitions don’t wait for it',
    run: hotPartition,
  },
];
