/** T4: evidence too old. An ingest that was away for five minutes folds what happened meanwhile, and nobody is refused for it. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Documents, StateCache, type Pump } from '#engine';
import { PumpStage } from '../support/pump-stage.ts';

const UPSTREAM = 'shop.local';
const POLICY = { errorAmountThreshold: 3, statTimeWindow: '1m', degradedTimeWindow: '30s' };

describe('after five minutes of backlog', () => {
  let stage: PumpStage;
  beforeEach(() => {
    stage = new PumpStage();
  });
  afterEach(() => stage.close());

  const pass = (ms: number): void => void (stage.nowMs += ms);

  /** A proxy on the log's clock that follows the store; it decides each time that it is told anything. */
  async function proxy(): Promise<{ readonly decisions: string[]; readonly decide: () => void }> {
    const cache = new StateCache({ nowMs: () => stage.nowMs, monotonicMs: () => stage.nowMs, partitions: 1, partitionOf: () => 0, stateMaxAgeMs: 5_000 });
    const documents = new Documents();
    for (const record of await stage.log.control.read(0)) documents.apply(record);
    cache.applyDocuments({ control: 0, documents: documents.list() });
    const decisions: string[] = [];
    const decide = (): void => void decisions.push(cache.decide(UPSTREAM).kind);
    await stage.log.stateFeed.follow((update) => {
      cache.applyStates(update);
      decide();
    });
    return { decisions, decide };
  }

  /** Two minutes of nothing but errors, then `healthyMs` of none, with nobody to fold either. */
  async function happened(healthyMs: number): Promise<void> {
    await stage.inForce(POLICY);
    for (let n = 0; n < 24; n++) {
      await stage.append([500]);
      pass(5_000);
    }
    for (let passedMs = 0; passedMs < healthyMs; passedMs += 10_000) {
      await stage.append([200]);
      pass(10_000);
    }
    pass(180_000 - healthyMs);
  }

  async function catchUp(pump: Pump, hear: () => Promise<void>): Promise<void> {
    await stage.run(pump, 1);
    await hear();
    await pump.pulse(stage.nowMs);
    await stage.run(pump, 1);
    await hear();
  }

  test.each([
    { meanwhile: 'the upstream is healthy again and called', healthyMs: 180_000 },
    { meanwhile: 'nobody has called it since', healthyMs: 0 },
  ])('not one call is refused for what happened then, while it is folded and after, and the transitions tell it: $meanwhile', async ({ healthyMs }) => {
    await happened(healthyMs);
    const before = await proxy();
    const seen: string[] = [];
    let late: Awaited<ReturnType<typeof proxy>> | undefined;
    const hear = async (): Promise<void> => {
      before.decide();
      late = await proxy();
      seen.push(...late.decisions);
    };
    await catchUp(stage.pumpOn(), hear);
    expect(new Set([...before.decisions, ...seen])).toEqual(new Set(['admit']));
    expect(before.decisions.length).toBeGreaterThan(24);
    expect(await stage.stored()).toMatchObject({ state: 'closed' });
    const told = await stage.transitions();
    expect(told.filter((each) => each.endsWith('closed → open')).length).toBeGreaterThanOrEqual(2);
    expect(told.filter((each) => each.endsWith('open → closed'))).toHaveLength(told.length / 2);
    const { transitions } = await stage.log.transitions.list({ upstream: UPSTREAM, limit: 100 });
    for (const { openUntilMs = 0 } of transitions) expect(openUntilMs).toBeLessThan(stage.nowMs - 60_000);
  });

  test('what goes on failing opens by its newest evidence, for its own length from that', async () => {
    await stage.inForce(POLICY);
    for (let n = 0; n < 30; n++) {
      await stage.append([500]);
      pass(10_000);
    }
    const tripMs = stage.nowMs;
    await stage.append([500, 500, 500]);
    const { decisions } = await proxy();
    await catchUp(stage.pumpOn(), async () => {});
    expect(decisions.at(-1)).toBe('refuse');
    expect((await stage.stored())?.untilMs).toBeLessThanOrEqual(tripMs + 30_003);
  });
});
