/** kill -9 of the active ingest in the middle of an incident, with a hot standby beside it, on a real Kafka and Redis. */
import { expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { services } from '../support/services/services.ts';
import { HOST, THRESHOLD, callTimes, openShop, refusalAt } from './shop.ts';

/** Sooner than the group could notice that its member is dead. */
const SESSION_MS = 6_000;

it('a standby trips before the session of the killed active is over, and the trip is one for the history', { timeout: 180_000 }, async (context) => {
  const { stage, policy } = await openShop(context, services());
  await policy();
  const [active, proxy, console] = await Promise.all([stage.ingest(), stage.proxy(), stage.console()]);
  await stage.ready([active, proxy, console]);
  const standby = await stage.ingest({ FUSEBOARD_STANDBY: 'true' });
  await stage.ready([standby]);
  await eventually(() => (standby.log.filter(({ msg }) => msg.includes('is folded here')).length >= 3 ? true : undefined), { what: 'the standby to fold' });
  expect(await (await fetch(`http://${standby.admin.host}:${standby.admin.port}/readyz`)).json()).toMatchObject({ status: 'ready', role: 'standby' });

  await callTimes(proxy.proxy, THRESHOLD - 1, '?status=503');
  await active.kill();
  const fromMs = performance.now();
  await callTimes(proxy.proxy, 1, '?status=503');
  await refusalAt(proxy.proxy);
  expect(performance.now() - fromMs).toBeLessThan(SESSION_MS / 2);
  const transitions = await eventually(async () => {
    const found = await console.client.transitions(HOST);
    return found.length > 0 ? found : undefined;
  }, { what: 'the transition' });
  expect(transitions.filter(({ to }) => to === 'open')).toMatchObject([{ window: { total: THRESHOLD, errors: THRESHOLD } }]);
  expect(await console.client.breaker(HOST)).toMatchObject({ state: 'open', generation: transitions[0]?.generation });
  const metrics = await (await fetch(`http://${standby.admin.host}:${standby.admin.port}/metrics`)).text();
  expect(metrics).toMatch(/fuseboard_commits_total\{answer="OK",group="standby"\} [1-9]/);
});
