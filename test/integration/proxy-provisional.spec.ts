/** A proxy of the fleet that knows its states, and whose own calls say enough before the fleet does (V7). */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Cleanup } from '../support/data-plane.ts';
import { ProxyStage, snapshot } from '../support/proxy-stage.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const DEGRADED = 520;
const soon = { timeout: 15_000, interval: 10 };

/** It refuses ahead of the fleet: three errors, of a state that is closed. */
async function openedProvisionally(): Promise<ProxyStage> {
  const stage = await ProxyStage.start(cleanup);
  stage.tellDocuments();
  stage.tellStates(snapshot());
  await vi.waitFor(() => expect(stage.missing).toEqual({}), soon);
  expect(await stage.statuses(4, 500)).toEqual([500, 500, 500, DEGRADED]);
  return stage;
}

async function verdicts(stage: ProxyStage): Promise<Record<string, number>> {
  const metric = await stage.runtime.metrics.registry.getSingleMetric('fuseboard_provisional_total')?.get();
  return Object.fromEntries(metric?.values.map(({ labels, value }) => [labels['verdict'], value]) ?? []);
}

describe('V7: a proxy whose own calls reach an amount', () => {
  test('refuses like an open breaker until the fleet’s trip takes over', async () => {
    const stage = await openedProvisionally();
    const { headers } = await stage.call(200);
    expect([headers['retry-after'], headers['x-fuseboard-state']]).toEqual(['1', 'open']);
    const sinceMs = Date.now();
    stage.tellStates(snapshot({ next: 20, generation: 5, state: 'open', admit: 0, sinceMs, untilMs: sinceMs + 60_000 }));
    const { headers: taken } = await stage.call(200);
    expect(taken['retry-after']).toMatch(/^(60|59)$/);
    expect(await verdicts(stage)).toEqual({ agreed: 1, none: 0, other: 0 });
  });

  test('forwards again after a second without a verdict, once in a window, and the log hears of none of it', async () => {
    const stage = await openedProvisionally();
    await vi.waitFor(async () => expect((await stage.call(500)).status).toBe(500), soon);
    expect(await stage.statuses(5, 500)).toEqual([500, 500, 500, 500, 500]);
    expect(await verdicts(stage)).toEqual({ agreed: 0, none: 1, other: 0 });
    await vi.waitFor(() => expect(stage.told.reduce((sum, { count }) => sum + count, 0)).toBe(9), soon);
    for (const { admitted } of stage.told) expect(admitted).toEqual({ incarnation: 1, generation: 4 });
  });
});
