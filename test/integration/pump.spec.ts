/**
 * The pump on the real embedded store: restore, fold, commit, publish (K1-K3), whatever the store answers. Stores that
 * fall back, lose replies or are emptied are real ones, exchanged or cut off in mid-run by a switch in between.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openEmbedded, type Embedded } from '#drivers';
import { Pump, type CommitAnswer, type LogRecord, type Outcome, type OwnerPorts, type Snapshot, type StateStore } from '#engine';
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

/** Lets a test stand between the pump and its store. */
class Switch implements StateStore {
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

describe('the pump', () => {
  let nowMs: number;
  let log: Embedded;
  const opened: Embedded[] = [];
  let commits: number;
  beforeEach(() => {
    nowMs = 1_790_000_000_000;
    log = open();
    commits = 0;
  });
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
  });

  function open(): Embedded {
    const embedded = openEmbedded({ dataDir: ':memory:', now: () => nowMs });
    opened.push(embedded);
    return embedded;
  }

  const observed: { what: string; detail: unknown }[] = [];
  function pumpOn(ports: Partial<OwnerPorts> = {}, group = 'ingest'): Pump {
    observed.length = 0;
    const note = (what: string) => (_: unknown, detail: unknown) => void observed.push({ what, detail });
    return new Pump({ ...log, ...ports }, {
      group,
      owns: () => true,
      newId: () => `commit-${group}-${commits++}`,
      observer: {
        folded: note('folded'),
        committed: note('committed'),
        published: note('published'),
        incarnated: (incarnation, reason) => void observed.push({ what: 'incarnated', detail: { ...incarnation, reason } }),
        postponed: (_, what) => void observed.push({ what: 'postponed', detail: what }),
      },
    });
  }

  async function apply(spec: Record<string, unknown>): Promise<void> {
    await log.control.append([{ author: 'test', reason: 'test', source: 'api', change: { kind: 'apply', document: setting(spec) } }]);
  }

  let ids = 0;
  async function append(statuses: readonly number[], over: Partial<Outcome> = {}): Promise<void> {
    for (const code of statuses) {
      nowMs += 1;
      await log.outcomes.append([{ upstream: UPSTREAM, atMs: nowMs, reporter: 'r', id: `i${ids++}`, result: { kind: 'status', code }, count: 1, ...over }]);
    }
  }

  /** What a reader does: everything from where the pump stands to the end, in batches. */
  async function run(pump: Pump, size = 1_000): Promise<void> {
    for (;;) {
      const [position] = pump.positions();
      const next = position?.next ?? (await pump.assigned(0));
      const records: readonly LogRecord[] = await log.reader.read(0, next, size);
      if (records.length === 0) return;
      await pump.take(0, records);
    }
  }

  async function inForce(spec: Record<string, unknown>, pump = pumpOn()): Promise<Pump> {
    await apply(spec);
    await run(pump);
    await pump.pulse(nowMs);
    await run(pump);
    return pump;
  }

  async function stored(store: StateStore = log.states): Promise<Snapshot | undefined> {
    return (await store.claim(0, 'looking')).snapshots.find(({ upstream }) => upstream === UPSTREAM);
  }

  async function transitions(): Promise<string[]> {
    const page = await log.transitions.list({ upstream: UPSTREAM, limit: 100 });
    return page.transitions.map(({ generation, from, to }) => `${generation}: ${from} → ${to}`).toReversed();
  }

  test('C2: a policy comes into force by a mark that the pulse appends', async () => {
    await inForce({ errorAmountThreshold: 3 });
    expect(await stored()).toMatchObject({ state: 'closed', generation: 1, policy: { name: 'shop' } });
  });

  test('a trip is stored, and told once', async () => {
    const pump = await inForce({ errorAmountThreshold: 3 });
    await append([500, 200, 500, 500, 500]);
    await run(pump);
    expect(await stored()).toMatchObject({ state: 'open', admit: 0, generation: 2 });
    expect(await transitions()).toEqual(['2: closed → open']);
  });

  test('T5: with nobody calling, the closing is told once its time has come, by a mark of the pulse', async () => {
    const pump = await inForce({ errorAmountThreshold: 1, degradedTimeWindow: '10s' });
    await append([500]);
    await run(pump);
    nowMs += 9_999;
    await pump.pulse(nowMs);
    await run(pump);
    expect(await transitions()).toEqual(['2: closed → open']);
    nowMs += 1;
    await pump.pulse(nowMs);
    await run(pump);
    expect(await transitions()).toEqual(['2: closed → open', '3: open → closed']);
  });

  test('T5: a mark is not repeated within 300 ms, and is once they have passed without its being folded', async () => {
    const pump = await inForce({ errorAmountThreshold: 1, degradedTimeWindow: '10s' });
    await append([500]);
    await run(pump);
    // The log's clock lags behind ours, so that the mark doesn't reach `until`.
    const until = nowMs + 10_000;
    const end = async (): Promise<number> => (await log.reader.bounds(0)).next;
    const before = await end();
    await pump.pulse(until);
    await run(pump);
    await pump.pulse(until + 299);
    await run(pump);
    expect(await end()).toBe(before + 1);
    await pump.pulse(until + 300);
    expect(await end()).toBe(before + 2);
  });

  test('a new owner goes on where the last one committed: nothing is counted twice, nothing lost', async () => {
    const first = await inForce({ errorAmountThreshold: 1_000 });
    await append([500, 500, 200]);
    await run(first, 2);
    await append([500, 200]);
    await run(pumpOn());
    expect((await stored())?.window).toMatchObject({ total: 5, errors: 3 });
  });

  test('K3: what was committed and not published is published by the next owner', async () => {
    const broken = { ...log.transitions, append: () => Promise.reject(new Error('no transitions log')) };
    const pump = await inForce({ errorAmountThreshold: 1 }, pumpOn({ transitions: broken }));
    await append([500]);
    await run(pump);
    expect(await stored()).toMatchObject({ state: 'open' });
    expect(await transitions()).toEqual([]);
    await run(pumpOn());
    expect(await transitions()).toEqual(['2: closed → open']);
  });

  test('K3: what could not be published is published by the next pulse', async () => {
    let fails = 1;
    const flaky = { append: (...args: Parameters<typeof log.transitions.append>) => (fails-- > 0 ? Promise.reject(new Error('no')) : log.transitions.append(...args)) };
    const pump = await inForce({ errorAmountThreshold: 1 }, pumpOn({ transitions: flaky as typeof log.transitions }));
    await append([500]);
    await run(pump);
    expect(await transitions()).toEqual([]);
    await pump.pulse(nowMs);
    expect(await transitions()).toEqual(['2: closed → open']);
  });

  test('K2 ALREADY: a lost reply counts nothing twice', async () => {
    const states = new Switch(log.states);
    const pump = await inForce({ errorAmountThreshold: 3 }, pumpOn({ states }));
    await append([500, 500]);
    states.loseReplies = 1;
    await expect(run(pump)).rejects.toThrow('lost');
    await append([500]);
    await run(pump);
    expect(states.answers).toContain('ALREADY');
    expect(await transitions()).toEqual(['2: closed → open']);
    expect(await stored()).toMatchObject({ state: 'open', generation: 2 });
  });

  test('a store that fails has its commit again with the same batch, and nothing is folded twice', async () => {
    const states = new Switch(log.states);
    const pump = await inForce({ errorAmountThreshold: 100 }, pumpOn({ states }));
    await append([500, 500]);
    const [position] = pump.positions();
    const batch = await log.reader.read(0, position?.next ?? 0, 100);
    const { commit } = states;
    states.commit = () => Promise.reject(new Error('no store'));
    await expect(pump.take(0, batch)).rejects.toThrow('no store');
    states.commit = commit;
    await pump.take(0, batch);
    expect((await stored())?.window).toMatchObject({ total: 2, errors: 2 });
  });

  test('K2 AHEAD: a standby of another group folds too; whoever is first wins, and both go on', async () => {
    const active = new Switch(log.states);
    const standby = new Switch(log.states);
    const a = await inForce({ errorAmountThreshold: 3, degradedTimeWindow: '10s' }, pumpOn({ states: active }, 'a'));
    const b = pumpOn({ states: standby }, 'b');
    await run(b);
    await append([500, 200]);
    await run(a);
    await append([500, 500]);
    await run(b, 3);
    await run(a);
    expect(standby.answers).toContain('OK');
    expect(active.answers).toContain('AHEAD');
    expect(await transitions()).toEqual(['2: closed → open']);
    expect(await stored()).toMatchObject({ state: 'open', generation: 2, next: (await log.reader.bounds(0)).next });
  });

  test('K2 FENCED: an older owner of the same group drops what it holds, claims again and goes on', async () => {
    const states = new Switch(log.states);
    const old = await inForce({ errorAmountThreshold: 100 }, pumpOn({ states }));
    const young = pumpOn();
    await append([500, 500]);
    await run(young);
    await append([500]);
    await run(old);
    expect(states.answers).toContain('FENCED');
    expect((await stored())?.window).toMatchObject({ total: 3, errors: 3 });
  });

  test('K2 FENCED: an owner that was ahead of the store folds again from where the store is', async () => {
    const states = new Switch(log.states);
    const old = await inForce({ errorAmountThreshold: 100 }, pumpOn({ states }));
    await append([500, 500]);
    await log.states.claim(0, 'ingest');
    await run(old);
    expect(states.answers).toContain('FENCED');
    expect((await stored())?.window).toMatchObject({ total: 2, errors: 2 });
  });

  test('K2 REGRESSED: a store that was emptied gets everything again', async () => {
    const states = new Switch(log.states);
    const pump = await inForce({ errorAmountThreshold: 2 }, pumpOn({ states }));
    await append([500, 500]);
    await run(pump);
    states.store = open().states;
    await append([200]);
    await run(pump);
    expect(states.answers).toContain('REGRESSED');
    expect(await stored(states.store)).toMatchObject({ state: 'open', generation: 2 });
    const { ids: kept } = await states.store.claim(0, 'looking');
    expect(kept).toHaveLength(3);
  });

  test('K2 REGRESSED: a store that fell back in time gets everything again', async () => {
    const states = new Switch(log.states);
    const behind = open();
    const both: StateStore = {
      claim: async (...args) => (await behind.states.claim(...args), await log.states.claim(...args)),
      published: (...args) => log.states.published(...args),
      commit: async (commit) => (await behind.states.commit(commit), await log.states.commit(commit)),
    };
    states.store = both;
    const pump = await inForce({ errorAmountThreshold: 2 }, pumpOn({ states }));
    states.store = log.states;
    await append([500, 500]);
    await run(pump);
    states.store = behind.states;
    await append([200]);
    await run(pump);
    expect(states.answers).toContain('REGRESSED');
    expect(await stored(behind.states)).toMatchObject({ state: 'open', generation: 2 });
  });

  test('K1: a store found empty is marked as restoring until the log’s end as then seen is reached', async () => {
    const first = await inForce({ errorAmountThreshold: 2 });
    await append([200, 200, 200, 200]);
    await run(first);
    const states = open().states;
    const pump = pumpOn({ states });
    const next = await pump.assigned(0);
    await pump.take(0, await log.reader.read(0, next, 3));
    expect((await states.claim(0, 'looking')).meta?.restoringTo).toBe((await log.reader.bounds(0)).next);
    await run(pump);
    expect((await states.claim(0, 'looking')).meta).not.toHaveProperty('restoringTo');
    expect(await stored(states)).toEqual(await stored());
  });

  test('V1: an emptied store is rebuilt under the same incarnation, to the same state', async () => {
    const first = await inForce({ errorAmountThreshold: 2 });
    await append([500, 200, 500]);
    await run(first);
    const states = open().states;
    await run(pumpOn({ states }));
    expect(await stored(states)).toEqual(await stored());
  });

  test('V1: another log under the same store is a new incarnation', async () => {
    const first = await inForce({ errorAmountThreshold: 2 });
    await append([500, 500]);
    await run(first);
    const { states, control } = log;
    log = open();
    nowMs += 5;
    await append([200]);
    const pump = pumpOn({ states, control });
    await run(pump);
    expect(observed).toContainEqual({ what: 'incarnated', detail: expect.objectContaining({ number: 2, reason: expect.stringContaining('another one') }) });
    await pump.pulse(nowMs);
    await run(pump);
    expect(await stored(states)).toMatchObject({ incarnation: 2, generation: 1, state: 'closed' });
  });

  test('what can’t be read goes to the dead letters, byte for byte, and the partition moves on', async () => {
    const pump = await inForce({ errorAmountThreshold: 2 });
    await log.appendRaw(Buffer.from('k'), Buffer.from('{"v":2}'));
    await append([500, 500]);
    await run(pump);
    expect(await stored()).toMatchObject({ state: 'open' });
    const letters = await log.deadLetters.newest(10);
    expect(letters).toMatchObject([{ partition: 0, reason: expect.stringContaining('version') }]);
    expect(Buffer.from(letters[0]?.value ?? []).toString()).toBe('{"v":2}');
  });

  test('K4: a repeat is dropped across a change of owner', async () => {
    const first = await inForce({ errorAmountThreshold: 100 });
    await append([500], { id: 'same' });
    await run(first);
    await append([500], { id: 'same' });
    await run(pumpOn());
    expect((await stored())?.window).toMatchObject({ total: 1 });
  });
});

