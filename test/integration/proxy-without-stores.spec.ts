/** A proxy of the fleet whose stores are out of reach, were never there, or come back (V2, V4). */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Cleanup } from '../support/data-plane.ts';
import { META, ProxyStage, directoryOf, policyText, snapshot, upstreamText } from '../support/proxy-stage.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const DEGRADED = 520;
const AGE_MAX = { FUSEBOARD_STATE_MAX_AGE: '1s' };
const soon = { timeout: 15_000, interval: 10 };

/** A proxy that knows its documents and no state. */
async function withoutStates(env: Readonly<Record<string, string>> = {}): Promise<ProxyStage> {
  const stage = await ProxyStage.start(cleanup, () => ({ env }));
  stage.tellDocuments();
  await vi.waitFor(async () => expect((await stage.call(200)).status).toBe(200), soon);
  stage.told.splice(0);
  return stage;
}

describe('a proxy whose stores never answer', () => {
  test('listens, answers 404 for hosts that it does not know, and is not ready', async () => {
    const stage = await ProxyStage.start(cleanup);
    expect((await stage.call(200)).status).toBe(404);
    expect(stage.missing).toEqual({ routes: 'the documents have not come yet', states: 'the states have not come yet' });
  });

  test('V2: serves its own directory, under its policies, and is not ready', async () => {
    const stage = await ProxyStage.start(cleanup, (target) => ({ directory: directoryOf(cleanup, upstreamText(target), policyText(), 'kind: nonsense') }));
    expect(await stage.statuses(4, 500)).toEqual([500, 500, 500, DEGRADED]);
    expect(Object.keys(stage.missing)).toEqual(['routes', 'states']);
    expect(stage.lines.filter(({ level }) => level === 'error').map(({ msg }) => msg)).toEqual([expect.stringContaining('2.yaml:1:1')]);
  });

  test('V2: is ready on its own directory where that is asked for, and tells all the same what it lacks', async () => {
    const env = { FUSEBOARD_PROXY_READY: 'serving' };
    const stage = await ProxyStage.start(cleanup, (target) => ({ env, directory: directoryOf(cleanup, upstreamText(target)) }));
    stage.documents.refuse();
    await vi.waitFor(() => expect(stage.documents.followed).toBe(2), soon);
    expect(stage.isReady).toBe(true);
    expect(stage.missing).toEqual({ states: 'the states have not come yet' });
    const without = await ProxyStage.start(cleanup, () => ({ env }));
    expect([without.isReady, Object.keys(without.missing)]).toEqual([false, ['routes', 'states']]);
  });

  test('V2: gives its own directory up for the first documents that come, be they none', async () => {
    const stage = await ProxyStage.start(cleanup, (target) => ({ directory: directoryOf(cleanup, upstreamText(target)) }));
    expect((await stage.call(200)).status).toBe(200);
    stage.documents.tell({ control: -1, documents: [] });
    await vi.waitFor(async () => expect((await stage.call(200)).status).toBe(404), soon);
    expect(Object.keys(stage.missing)).toEqual(['states']);
  });

  test('in one process with ingest leaves the directory to that', async () => {
    const stage = await ProxyStage.start(cleanup, (target) => ({ role: 'standalone', directory: directoryOf(cleanup, upstreamText(target)) }));
    expect((await stage.call(200)).status).toBe(404);
  });

  test('asks again for what could not be followed', async () => {
    const stage = await ProxyStage.start(cleanup);
    stage.documents.refuse();
    stage.states.refuse();
    await vi.waitFor(() => expect([stage.documents.followed, stage.states.followed]).toEqual([2, 2]), soon);
    expect(stage.missing['routes']).toBe("the documents can't be read: the store is out of reach");
    stage.tellDocuments();
    stage.tellStates(snapshot());
    await vi.waitFor(() => expect(stage.missing).toEqual({}), soon);
    expect((await stage.call(200)).status).toBe(200);
  });
});

describe('V4: a proxy that knows no state', () => {
  test('opens at the policy’s threshold by its own calls, for the policy’s time, and tells the log nothing of that', async () => {
    const stage = await withoutStates();
    expect(await stage.statuses(3, 500)).toEqual([500, 500, 500]);
    const refused = await stage.call(500);
    expect([refused.status, refused.headers['retry-after'], refused.headers['x-fuseboard-state']]).toEqual([DEGRADED, expect.stringMatching(/^[1-3]$/), 'open']);
    expect(await stage.gauge('fuseboard_local_open')).toBe(1);
    await vi.waitFor(async () => expect((await stage.call(200)).status).toBe(200), soon);
    expect(await stage.gauge('fuseboard_local_open')).toBe(0);
    await vi.waitFor(() => expect(stage.told.reduce((sum, { count }) => sum + count, 0)).toBe(4), soon);
    for (const outcome of stage.told) expect(outcome).not.toHaveProperty('admitted');
    expect(stage.missing).toEqual({ states: 'the states have not come yet' });
  });

  test('goes by the shared state from the moment that it comes', async () => {
    const stage = await withoutStates();
    await stage.statuses(3, 500);
    expect((await stage.call(500)).status).toBe(DEGRADED);
    stage.tellStates(snapshot());
    expect(await stage.statuses(2, 500)).toEqual([500, 500]);
    await vi.waitFor(() => expect(stage.told.at(-1)?.admitted).toEqual({ incarnation: 1, generation: 4 }), soon);
    expect(stage.missing).toEqual({});
    expect(await stage.gauge('fuseboard_local_partitions')).toBe(0);
  });

  test('judges for a store that is being restored, and is not ready', async () => {
    const stage = await withoutStates();
    stage.states.tell({ partition: 0, meta: { ...META, restoringTo: 200 }, snapshots: [snapshot({ state: 'open', admit: 0 })] });
    expect(await stage.statuses(4, 500)).toEqual([500, 500, 500, DEGRADED]);
    expect(stage.missing).toEqual({ states: 'the states are not known, or being restored' });
  });

  test('says so once in the log, and once that it is over', async () => {
    const stage = await withoutStates(AGE_MAX);
    const said = (): string[] => stage.lines.map(({ level, msg }) => `${level}: ${msg}`).filter((line) => line.includes('shared states'));
    await vi.waitFor(() => expect(said()).toEqual([expect.stringMatching(/^warn: the shared states are unknown or old \(partitions: 1\)/)]), soon);
    stage.tellStates(snapshot());
    await vi.waitFor(() => expect(said()).toEqual([expect.anything(), expect.stringMatching(/^info: the shared states are known again/)]), soon);
    await vi.waitFor(() => expect(said()).toHaveLength(3), soon);
    expect(await stage.gauge('fuseboard_local_partitions')).toBe(1);
  });
});

describe('V4: a proxy whose states have become old', () => {
  test('keeps an upstream shut that it knows to be open, until its lease ends, then judges by itself', async () => {
    const stage = await withoutStates(AGE_MAX);
    const sinceMs = Date.now();
    stage.tellStates(snapshot({ next: 20, generation: 5, state: 'open', admit: 0, sinceMs, untilMs: sinceMs + 3_000 }));
    await vi.waitFor(() => expect(stage.missing['states']).toMatch(/^not heard of for 1 s; allowed: 1 s/), soon);
    expect((await stage.call(200)).status).toBe(DEGRADED);
    await vi.waitFor(async () => expect((await stage.call(200)).status).toBe(200), soon);
    expect(Date.now()).toBeGreaterThanOrEqual(sinceMs + 3_000);
    expect(await stage.statuses(4, 500)).toEqual([500, 500, 500, DEGRADED]);
    await vi.waitFor(() => expect(stage.told.at(-1)?.admitted).toEqual({ incarnation: 1, generation: 6 }), soon);
    expect(Object.keys(stage.missing)).toEqual(['states']);
  });
});

describe('T2: a proxy that sends nothing', () => {
  test('ends a lease by the store’s clock where its own is wrong', async () => {
    const stage = await ProxyStage.start(cleanup);
    stage.tellDocuments();
    await vi.waitFor(() => expect(Object.keys(stage.missing)).toEqual(['states']), soon);
    const storeMs = Date.now() + 3_600_000;
    const askedMonotonicMs = performance.now();
    const sinceMs = storeMs - 60_000;
    const open = snapshot({ next: 20, state: 'open', admit: 0, sinceMs, untilMs: sinceMs + 63_000 });
    stage.states.tell({ partition: 0, meta: META, snapshots: [open], storeTime: { atMs: storeMs, askedMonotonicMs, toldMonotonicMs: askedMonotonicMs } });
    const refused = await stage.call(200);
    expect([refused.status, refused.headers['retry-after']]).toEqual([DEGRADED, expect.stringMatching(/^[1-3]$/)]);
    await vi.waitFor(async () => expect((await stage.call(200)).status).toBe(200), soon);
  });
});
