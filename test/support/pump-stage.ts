/**
 * A pump on the real embedded store, in a test's hands: time, the log, and what stands between the pump and its store.
 * Stores that fall back, lose replies or are emptied are real ones, exchanged or cut off in mid-run by a `Switch`.
 */
import { openEmbedded, type Embedded } from '#drivers';
import { Pump, type CommitAnswer, type LogRecord, type Outcome, type OwnerOptions, type OwnerPorts, type Snapshot, type StateStore } from '#engine';
import { readDocument } from '#wire';

const UPSTREAM = 'shop.local';

function setting(spec: Record<string, unknown>) {
  const read = readDocument({
    apiVersion: 'policy.openservicemesh.io/v1alpha1',
    kind: 'UpstreamTrafficSetting',
    metadata: { name: 'shop', namespace: 'default' },
    spec: { host: UPSTREAM, connectionSettings: { http: { circuitBreaking: spec } } },
  });
  if (!('document' in read)) throw new Error(JSON.stringify(read));
  return read.document;
}

export type PumpSettings = Pick<OwnerOptions, 'areQuietCommitsDeferred' | 'lostLog' | 'engine'>;

/** Lets a test stand between the pump and its store. */
export class Switch implements StateStore {
  readonly answers: CommitAnswer['kind'][] = [];
  loseReplies = 0;

  constructor(public store: StateStore) {}

  claim: StateStore['claim'] = (...args) => this.store.claim(...args);
  published: StateStore['published'] = (...args) => this.store.published(...args);
  commit: StateStore['commit'] = async (commit) => {
    const answer = await this.store.commit(commit);
    if (this.loseReplies > 0) {
      this.loseReplies--;
      throw new Error('the reply was lost');
    }
    this.answers.push(answer.kind);
    return answer;
  };
}

export class PumpStage {
  nowMs = 1_790_000_000_000;
  readonly observed: { what: string; detail: unknown }[] = [];
  readonly #opened: Embedded[] = [];
  #commits = 0;
  #ids = 0;
  /** The one that pumps have unless told otherwise. */
  log = this.open();

  async close(): Promise<void> {
    for (const each of this.#opened.splice(0)) await each.close();
  }

  open(): Embedded {
    const embedded = openEmbedded({ dataDir: ':memory:', now: () => this.nowMs });
    this.#opened.push(embedded);
    return embedded;
  }

  pumpOn(ports: Partial<OwnerPorts> = {}, group = 'ingest', settings: PumpSettings = {}): Pump {
    this.observed.length = 0;
    const note = (what: string) => (_: unknown, detail: unknown) => void this.observed.push({ what, detail });
    return new Pump({ ...this.log, ...ports }, {
      group,
      owns: () => true,
      ...settings,
      isStandby: group === 'hot-standby',
      newId: () => `commit-${group}-${this.#commits++}`,
      observer: {
        folded: note('folded'),
        committed: note('committed'),
        published: note('published'),
        sentOn: (records) => void this.observed.push({ what: 'sentOn', detail: records }),
        incarnated: (incarnation, reason) => void this.observed.push({ what: 'incarnated', detail: { ...incarnation, reason } }),
        lost: (loss, handled) => void this.observed.push({ what: 'lost', detail: { ...loss, handled } }),
        leftAlone: note('leftAlone'),
        claimed: (partition) => void this.observed.push({ what: 'claimed', detail: partition }),
        upgraded: (engine, before) => void this.observed.push({ what: 'upgraded', detail: { engine, before } }),
        postponed: (_, what) => void this.observed.push({ what: 'postponed', detail: what }),
      },
    });
  }

  async apply(spec: Record<string, unknown>): Promise<void> {
    await this.log.control.append([{ author: 'test', reason: 'test', source: 'api', change: { kind: 'apply', document: setting(spec) } }]);
  }

  async append(statuses: readonly number[], over: Partial<Outcome> = {}): Promise<void> {
    for (const code of statuses) {
      this.nowMs += 1;
      const id = `i${this.#ids++}`;
      await this.log.outcomes.append([{ upstream: UPSTREAM, atMs: this.nowMs, reporter: 'r', id, result: { kind: 'status', code }, count: 1, ...over }]);
    }
  }

  /** The next records that a reader would hand to this pump. */
  async batchFor(pump: Pump, max: number): Promise<readonly LogRecord[]> {
    const [position] = pump.positions();
    const next = position?.next ?? (await pump.assigned(0));
    return await this.log.reader.read(0, next, max);
  }

  /** What a reader does: everything from where the pump stands to the end, in batches. */
  async run(pump: Pump, size = 1_000): Promise<void> {
    for (;;) {
      const records = await this.batchFor(pump, size);
      if (records.length === 0) return;
      await pump.take(0, records);
    }
  }

  async inForce(spec: Record<string, unknown>, pump = this.pumpOn()): Promise<Pump> {
    await this.apply(spec);
    await this.run(pump);
    await pump.pulse(this.nowMs);
    await this.run(pump);
    return pump;
  }

  async stored(store: StateStore = this.log.states): Promise<Snapshot | undefined> {
    return (await store.claim(0, 'looking')).snapshots.find(({ upstream }) => upstream === UPSTREAM);
  }

  async transitions(): Promise<string[]> {
    const page = await this.log.transitions.list({ upstream: UPSTREAM, limit: 100 });
    return page.transitions.map(({ generation, from, to }) => `${generation}: ${from} → ${to}`).toReversed();
  }
}
