/** T4 on a real Kafka and Redis: what an ingest that was away finds in the log is told, and refuses nobody any more. */
import { expect, it } from 'vitest';
import { encodeOutcome } from '#wire';
import { call, type CallEnd } from '../scenarios/load.ts';
import { eventually } from '../support/eventually.ts';
import { Stranger } from '../support/kafka-stage.ts';
import { services } from '../support/services/services.ts';
import { HOST, THRESHOLD, callTimes, openShop, passageAt } from './shop.ts';

const DEGRADED_MS = 1_000;

it('errors of before, found when they are older than a trip lasts, are two transitions and not one refused call', { timeout: 180_000 }, async (context) => {
  const { stage, policy, prefix } = await openShop(context, services());
  await policy({ degraded: `${DEGRADED_MS}ms` });
  const [ingest, proxy, console] = await Promise.all([stage.ingest(), stage.proxy(), stage.console()]);
  await stage.ready([ingest, proxy, console]);
  await passageAt(proxy.proxy);
  expect(await ingest.stop()).toBe(0);

  const producer = await new Stranger().producer();
  const failed = (n: number): Buffer =>
    Buffer.from(encodeOutcome({ upstream: HOST, atMs: Date.now(), reporter: 'billing', id: `b-${n}`, result: { kind: 'status', code: 503 }, count: 1 }));
  await producer.send({ topic: `${prefix}.outcomes`, messages: Array.from({ length: THRESHOLD }, (_, n) => ({ key: HOST, value: failed(n) })) });
  const failedMs = performance.now();
  const ends: CallEnd[] = [];
  const load = new AbortController();
  const calling = (async () => {
    while (!load.signal.aborted) ends.push(await call({ proxy: proxy.proxy, host: HOST, path: '/echo' }));
  })();
  await eventually(() => performance.now() - failedMs > 2 * DEGRADED_MS || undefined, { what: 'the evidence to be old' });
  const next = await stage.ingest();
  await stage.ready([next]);
  const told = await eventually(async () => {
    const found = await console.client.transitions(HOST);
    return found.length >= 2 ? found : undefined;
  }, { what: 'both transitions', deadlineMs: 60_000 });
  load.abort();
  await calling;
  ends.push(...(await callTimes(proxy.proxy, 1)));
  expect(ends.length).toBeGreaterThan(0);
  expect(ends.filter(({ status, degraded }) => degraded || status !== 200)).toEqual([]);
  expect(told.map(({ to }) => to).toSorted()).toEqual(['closed', 'open']);
  expect(told.find(({ to }) => to === 'open')?.window).toMatchObject({ errors: THRESHOLD });
  expect(await console.client.breaker(HOST)).toMatchObject({ state: 'closed' });
});
