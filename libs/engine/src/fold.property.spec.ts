/**
 * The fold against a naive recomputation of docs/model.md (test/support/naive-fold.ts), over random histories of one
 * partition. FUSEBOARD_CASES sets how many cases the whole file runs (default 100,000), FUSEBOARD_SEED repeats a run.
 */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { PartitionFold } from '#engine';
import type { FoldOptions, FoldReport, LogRecord, OutboxEntry, Outcome, RememberedId, Snapshot, Tally } from '#engine';
import { makeCase } from '../../../test/support/fold-cases.ts';
import type { FoldCase } from '../../../test/support/fold-cases.ts';
import type { Happening, Reached } from '../../../test/support/happenings.ts';

const CASES = Number(process.env['FUSEBOARD_CASES'] ?? 100_000);
const SEED = Number(process.env['FUSEBOARD_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const FLOORS_FROM_CASES = 10_000;
const TIMEOUT_MS = 600_000;
const RECORDS_MAX = 50;

const digits = fc.noBias(fc.integer({ min: 0, max: 2 ** 48 }));
const events = fc.array(digits, { maxLength: RECORDS_MAX, size: 'max' });

/** What can be seen of a fold, with nothing that depends on batches. */
interface Seen {
  readonly transitions: readonly OutboxEntry[];
  readonly snapshots: readonly Snapshot[];
  readonly ids: readonly RememberedId[];
  readonly tally: Tally;
  readonly clockMs: number;
  readonly next: number;
  readonly control: number;
  readonly nextUntilMs: number | undefined;
}

let ran = 0;
afterAll(() => console.log(`fold.property: ${ran} cases, FUSEBOARD_SEED=${SEED}`));

/** Runs `check` on its share of the cases; `choice` is for whatever else the property must choose. */
function holds(share: number, ids: boolean, check: (made: FoldCase, choice: number) => void): Reached {
  const reached: Reached = new Map();
  const property = fc.property(digits, events, digits, (setup, list, choice) => {
    ran += 1;
    check(makeCase(setup, list, { ids, reached }), choice);
  });
  fc.assert(property, { seed: SEED, numRuns: Math.ceil(CASES * share) });
  return reached;
}

function start(made: FoldCase, from?: Seen, options?: Partial<FoldOptions>): PartitionFold {
  const { partition, incarnation } = made.options;
  const { next, clockMs, control, snapshots, ids } = from ?? { next: 0, clockMs: 0, control: -1, snapshots: [], ids: [] };
  return new PartitionFold({ partition, incarnation, next, clockMs, control, snapshots, ids }, made.control, {
    ...made.options,
    ...options,
  });
}

function see(fold: PartitionFold, reports: readonly FoldReport[]): Seen {
  return {
    transitions: reports.flatMap(({ transitions }) => transitions),
    snapshots: fold.snapshots().toSorted((a, b) => (a.upstream < b.upstream ? -1 : 1)),
    ids: fold.idsSince(0),
    tally: sumOf(reports.map(({ tally }) => tally)),
    clockMs: fold.clockMs,
    next: fold.next,
    control: fold.control,
    nextUntilMs: fold.nextUntilMs,
  };
}

function sumOf(tallies: readonly Tally[]): Tally {
  const sum: Tally = {
    counted: 0, whileOpen: 0, unknown: 0, repeat: 0, late: 0, stale: 0, otherIncarnation: 0, future: 0, mark: 0,
    forgedMark: 0, dead: 0, misrouted: 0,
  };
  for (const tally of tallies) for (const field of Object.keys(sum) as (keyof Tally)[]) sum[field] += tally[field];
  return sum;
}

function foldWhole(made: FoldCase, options?: Partial<FoldOptions>): Seen {
  const fold = start(made, undefined, options);
  return see(fold, [fold.fold(made.records)]);
}

function foldIn(made: FoldCase, batches: readonly (readonly LogRecord[])[]): Seen {
  const fold = start(made);
  return see(fold, batches.map((batch) => fold.fold(batch)));
}

/** Throws with the history that led here; its cause shows where the two differ. */
function expectSame(actual: unknown, expected: unknown, made: FoldCase): void {
  if (isDeepStrictEqual(actual, expected)) return;
  const written = Array.from({ length: 200 }, (_, offset) => made.control(offset)).filter((record) => record);
  const history = [...made.records, ...written].map((line) => JSON.stringify(line)).join('\n');
  try {
    expect(actual).toStrictEqual(expected);
  } catch (cause) {
    throw new Error(history, { cause });
  }
}

/** The naive fold's words against the engine's: all but the reasons and the ids' hashes. */
function expectNaive(seen: Seen, made: FoldCase): void {
  const { naive } = made;
  // Not by `expect`: in so many cases that alone costs seconds.
  if (seen.transitions.some(({ transition }) => transition.reason === '')) throw new Error('a transition without a reason');
  const actual = {
    ...seen,
    transitions: seen.transitions.map((entry) => ({ ...entry, transition: { ...entry.transition, reason: '' } })),
    ids: seen.ids.map(({ offset }) => offset),
  };
  const untils = naive.breakers.flatMap(({ untilMs }) => untilMs ?? []);
  const expected = {
    ...naive.result(),
    ids: naive.ids.map(({ offset }) => offset),
    nextUntilMs: untils.length > 0 ? Math.min(...untils) : undefined,
  };
  expectSame(actual, expected, made);
}

/** Which of these came about less often than so many times in 1,000 cases. A run of few cases proves nothing of it. */
function tooRare(reached: Reached, share: number, floors: Partial<Record<Happening, number>>): string[] {
  if (CASES < FLOORS_FROM_CASES) return [];
  const cases = (CASES * share) / 1_000;
  return Object.entries(floors)
    .filter(([happening, floor]) => (reached.get(happening as Happening) ?? 0) < floor * cases)
    .map(([happening, floor]) => `${happening}: ${reached.get(happening as Happening) ?? 0}, not ${floor * cases}`);
}

function batchesOf<T>(items: readonly T[], length: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / length) }, (_, i) => items.slice(i * length, (i + 1) * length));
}

describe('the fold of a partition', () => {
  test('is what the rules say, record by record', { timeout: TIMEOUT_MS }, () => {
    const reached = holds(0.4, true, (made) => {
      const fold = start(made);
      const seen = see(fold, [fold.fold(made.records)]);
      expectNaive(seen, made);
      for (const snapshot of seen.snapshots) expectSame(fold.snapshot(snapshot.upstream), snapshot, made);
      expectSame(fold.snapshot('never'), undefined, made);
    });
    console.log('fold.property reached:', JSON.stringify(Object.fromEntries([...reached].toSorted(([a], [b]) => (a < b ? -1 : 1)))));
    expect(tooRare(reached, 0.4, FLOORS)).toEqual([]);
  });

  test('does not depend on batches', { timeout: TIMEOUT_MS }, () => {
    const reached = holds(0.2, true, (made, choice) => {
      const single = foldIn(made, batchesOf(made.records, 1));
      expectSame(foldIn(made, batchesOf(made.records, 7)), single, made);
      expectSame(foldIn(made, batchesOf(made.records, 1_000)), single, made);
      expectSame(foldIn(made, overlapping(made.records, choice)), single, made);
    });
    expect(tooRare(reached, 0.2, { trip: 700, expiry: 500, setBack: 1_500, forceOpen: 120 })).toEqual([]);
  });

  test('goes on from what was kept at any record as if it had never stopped', { timeout: TIMEOUT_MS }, () => {
    const reached = holds(0.15, true, (made, choice) => {
      const cut = choice % (made.records.length + 1);
      const first = start(made);
      const before = first.fold(made.records.slice(0, cut));
      const second = start(made, see(first, [before]));
      const after = second.fold(made.records);
      expectSame(see(second, [before, after]), foldWhole(made), made);
      expectChangedSince(second, made, first.next + (choice % (made.naive.next - first.next + 1)));
    });
    expect(tooRare(reached, 0.15, { trip: 700, change: 400, forgotten: 1_500, secondRefused: 120 })).toEqual([]);
  });

  test('takes `count: n` as n calls alike, but where the trip falls among them', { timeout: TIMEOUT_MS }, () => {
    let divided = 0;
    const reached = holds(0.125, false, (made) => {
      const singles = made.records.flatMap(apart);
      const alone = foldIn({ ...made, records: singles }, [singles]);
      const trips = alone.transitions.filter(({ transition }) => transition.cause.kind === 'outcome');
      const tripsAt = new Set(trips.map(({ offset }) => offset));
      const together = made.records.flatMap((record) => joined(apart(record), tripsAt));
      expectSame(byRecord(foldIn(made, [together]), APART), byRecord(alone, APART), made);
      if (together.length > made.records.length) divided += 1;
      else expectSame(byRecord(foldWhole(made), 1), byRecord(alone, APART), made);
    });
    expect(tooRare(reached, 0.125, { tripByCount: 500 })).toEqual([]);
    expect(divided).toBeGreaterThanOrEqual(CASES < FLOORS_FROM_CASES ? 0 : CASES * 0.125 * 0.1);
  });

  test('is the same with one or two actors awake', { timeout: TIMEOUT_MS }, () => {
    const reached = holds(0.125, true, (made, choice) => {
      const whole = foldWhole(made, { actorsMax: 1 + (choice % 2) });
      expectNaive(whole, made);
    });
    expect(tooRare(reached, 0.125, { trip: 700, tiedExpiry: 20, pulledTrip: 250 })).toEqual([]);
  });
});

/** In 1,000 cases; about half of what is usual. */
const FLOORS: Record<Happening, number> = {
  trip: 700, tripByCount: 500, expiry: 500, earlyExpiry: 25, tiedExpiry: 20, overrideExpiry: 100, instantExpiry: 35,
  setBack: 1_500, pulledSince: 2_000, pulledWindow: 500, pulledTrip: 250, heldBack: 1_000, newWindow: 150,
  forceOpen: 120, forceClosed: 120, forceAgain: 20, clear: 15,
  firstApply: 1_000, applyAgain: 60, change: 400, changeWhileOpen: 40, changeWhileForced: 25, keptWindow: 30,
  droppedWindow: 80, sameAgain: 90, limitsOnly: 90, delete: 180, deleteWhileOpen: 25, hostMoved: 100, secondRefused: 120,
  directorys: 15, otherVersion: 250,
  counted: 1_700, whileOpen: 250, unknown: 1_000, repeat: 1_000, late: 1_000, stale: 700, otherIncarnation: 400,
  future: 1_000, forgotten: 1_500, mark: 2_000, forgedMark: 350, dead: 200, misrouted: 200,
};

/** Random splits, each batch beginning with up to three records that were folded already. */
function overlapping(records: readonly LogRecord[], choice: number): LogRecord[][] {
  const batches: LogRecord[][] = [];
  let rest = choice;
  for (let from = 0; from < records.length; ) {
    const to = from + 1 + (rest % 11);
    batches.push(records.slice(Math.max(0, from - (rest % 4)), to));
    rest = Math.floor(rest / 11) || choice + to;
    from = to;
  }
  return batches;
}

function expectChangedSince(fold: PartitionFold, made: FoldCase, offset: number): void {
  const changed = fold.changedSince(offset).map(({ upstream }) => upstream);
  const later = made.naive.breakers.filter(({ next }) => next > offset).map(({ upstream }) => upstream);
  expectSame(changed.toSorted(), later.toSorted(), made);
  const since = made.naive.ids.filter((id) => id.offset >= offset).map((id) => id.offset);
  expectSame(fold.idsSince(offset).map((id) => id.offset), since, made);
}

const APART = 1_000;

/** A record's calls one by one, the last at the place of the whole. */
function apart(record: LogRecord): LogRecord[] {
  const count = record.entry.kind === 'outcome' ? record.entry.outcome.count : 1;
  return Array.from({ length: count }, (_, i) => {
    const offset = record.offset * APART + (APART - count + i);
    return { ...record, offset, entry: withCount(record.entry, 1) };
  });
}

/** Calls alike in as few records as may be: each ends at the last of them, or where one of them tripped. */
function joined(calls: readonly LogRecord[], endsAt: ReadonlySet<number>): LogRecord[] {
  const records: LogRecord[] = [];
  let count = 0;
  for (const call of calls) {
    count += 1;
    if (!endsAt.has(call.offset) && call !== calls.at(-1)) continue;
    records.push({ ...call, entry: withCount(call.entry, count) });
    count = 0;
  }
  return records;
}

function withCount(entry: LogRecord['entry'], count: number): LogRecord['entry'] {
  if (entry.kind !== 'outcome') return entry;
  const outcome: Outcome = { ...entry.outcome, count };
  return { kind: 'outcome', outcome };
}

/** What was seen, with each place named by the record as it was before `apart`. */
function byRecord(seen: Seen, placesEach: number): unknown {
  const at = (offset: number): number => Math.floor(offset / placesEach);
  return {
    ...seen,
    transitions: seen.transitions.map(({ offset, transition }) => {
      const cause = transition.cause.kind === 'outcome' ? { ...transition.cause, offset: at(transition.cause.offset) } : transition.cause;
      return { offset: at(offset), transition: { ...transition, cause } };
    }),
    snapshots: seen.snapshots.map((snapshot) => ({ ...snapshot, next: at(snapshot.next - 1) })),
    next: at(seen.next - 1),
  };
}
