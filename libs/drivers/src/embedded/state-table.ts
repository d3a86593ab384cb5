/**
 * The store of MODEL's K: meta, epochs, snapshots, ids and outbox, changed by one transaction a commit. Watchers hear
 * of a commit once it is durable, and of nothing else (K3).
 */
import type { Claim, Commit, CommitAnswer, Kept, OutboxEntry, PartitionMeta, Snapshot, StateReader, StateStore, StateUpdate, Stop } from '#engine';
import { decodeSnapshot, encodeSnapshot, UnreadableRecord } from '#wire';
import type { OnError } from '../drivers.ts';
import { answerTo, metaAfter } from './commit-answer.ts';
import type { Database, Statement } from './database.ts';
import { IdTable } from './id-table.ts';
import { Listeners } from '../listeners.ts';
import { OutboxTable } from './outbox-table.ts';
import { assertPartition, PARTITION } from './partition.ts';

interface MetaRow {
  readonly incarnation: number;
  readonly next: number;
  readonly clock_ms: number;
  readonly control: number;
  readonly sequence: number;
  readonly restoring_to: number | null;
  readonly commit_id: string;
  /** The next two are not there in a file that an older version wrote and that is only looked at. */
  readonly log?: string | null;
  readonly engine?: number | null;
}

export class StateTable implements StateStore, StateReader {
  readonly #database: Database;
  readonly #ids: IdTable;
  readonly #outbox: OutboxTable;
  readonly #commits: Listeners<StateUpdate>;
  readonly #selectMeta: Statement<MetaRow>;
  /** Made at the first commit: a file that is only looked at may lack some of its columns. */
  #writeMeta: Statement<never> | undefined;
  readonly #selectEpoch: Statement<{ epoch: number }>;
  readonly #claimEpoch: Statement<{ epoch: number }>;
  readonly #selectSnapshots: Statement<{ value: Uint8Array }>;
  readonly #writeSnapshot: Statement<never>;
  readonly #deleteSnapshots: Statement<never>;

  constructor(database: Database, onError: OnError) {
    this.#database = database;
    this.#ids = new IdTable(database);
    this.#outbox = new OutboxTable(database);
    this.#commits = new Listeners(onError, 'telling of states');
    this.#selectMeta = database.prepare('SELECT * FROM meta');
    this.#selectEpoch = database.prepare('SELECT epoch FROM epochs WHERE consumer_group = ?');
    this.#claimEpoch = database.prepare(
      `INSERT INTO epochs (consumer_group, epoch) VALUES (?, 1)
       ON CONFLICT (consumer_group) DO UPDATE SET epoch = epoch + 1 RETURNING epoch`,
    );
    this.#selectSnapshots = database.prepare('SELECT value FROM snapshots ORDER BY upstream');
    this.#writeSnapshot = database.prepare('INSERT OR REPLACE INTO snapshots (upstream, value) VALUES (?, ?)');
    this.#deleteSnapshots = database.prepare('DELETE FROM snapshots');
  }

  async claim(partition: number, group: string): Promise<Claim> {
    assertPartition(partition);
    return this.#database.transaction(() => {
      const epoch = this.#claimEpoch.get(group)?.epoch;
      if (epoch === undefined) throw new Error('assertion: a claim gives an epoch');
      return { epoch, ...this.#keptOrWhyNot() };
    });
  }

  async read(partition: number): Promise<Kept> {
    assertPartition(partition);
    return this.#database.reading(() => this.#kept());
  }

  async commit(commit: Commit): Promise<CommitAnswer> {
    assertPartition(commit.partition);
    const written = this.#database.transaction(() => this.#write(commit));
    if ('kind' in written) return written;
    this.#commits.tell(written);
    return { kind: 'OK' };
  }

  async published(partition: number, entries: readonly OutboxEntry[]): Promise<void> {
    assertPartition(partition);
    if (entries.length > 0) this.#database.transaction(() => this.#outbox.delete(entries));
  }

  /** All that is committed, as a watcher's first update. */
  readNow(): StateUpdate {
    return { partition: PARTITION, ...this.#state() };
  }

  metaNow(): PartitionMeta | undefined {
    const row = this.#selectMeta.get();
    return row === undefined ? undefined : metaOf(row);
  }

  /** Calls back after each commit with what it changed; `meta` is there. */
  onCommit(listener: (update: StateUpdate) => void): Stop {
    return this.#commits.add(listener);
  }

  close(): void {
    this.#commits.clear();
  }

  #keptOrWhyNot(): Kept {
    try {
      return this.#kept();
    } catch (error) {
      if (!(error instanceof UnreadableRecord)) throw error;
      const meta = this.metaNow();
      return { ...(meta === undefined ? {} : { meta }), snapshots: [], ids: [], outbox: [], unreadable: error.message };
    }
  }

  #kept(): Kept {
    return { ...this.#state(), ids: this.#ids.all(), outbox: this.#outbox.all() };
  }

  #state(): { meta?: PartitionMeta; snapshots: Snapshot[] } {
    const meta = this.metaNow();
    const snapshots = this.#selectSnapshots.all().map(({ value }) => decodeSnapshot(value));
    return { ...(meta === undefined ? {} : { meta }), snapshots };
  }

  /** Within the transaction. Gives what watchers are to be told, or why nothing was written. */
  #write(commit: Commit): StateUpdate | CommitAnswer {
    const row = this.#selectMeta.get();
    const before = row === undefined ? undefined : { ...metaOf(row), commitId: row.commit_id };
    const epoch = this.#selectEpoch.get(commit.group)?.epoch ?? 0;
    const answer = answerTo(commit, { ...(before === undefined ? {} : { meta: before }), epoch });
    if (answer.kind !== 'OK') return answer;

    const meta = metaAfter(commit, before);
    if (commit.rewrite === true) this.#deleteSnapshots.run();
    for (const snapshot of commit.snapshots) this.#writeSnapshot.run(snapshot.upstream, encodeSnapshot(snapshot));
    this.#ids.add(commit.ids, { replacing: commit.rewrite === true });
    this.#outbox.add(commit.outbox);
    const { incarnation, next, clockMs, control, sequence, restoringTo = null, log = null, engine = null } = meta;
    this.#writeMeta ??= this.#database.prepare(
      `INSERT OR REPLACE INTO meta (id, incarnation, next, clock_ms, control, sequence, restoring_to, commit_id, log, engine)
       VALUES (0, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#writeMeta.run(incarnation, next, clockMs, control, sequence, restoringTo, commit.commitId, log, engine);
    return { partition: PARTITION, meta, snapshots: commit.snapshots };
  }
}

function metaOf({ incarnation, next, clock_ms, control, sequence, restoring_to, log = null, engine = null }: MetaRow): PartitionMeta {
  const restoring = restoring_to === null ? {} : { restoringTo: restoring_to };
  const which = { ...(log === null ? {} : { log }), ...(engine === null ? {} : { engine }) };
  return { incarnation, next, clockMs: clock_ms, control, sequence, ...which, ...restoring };
}
