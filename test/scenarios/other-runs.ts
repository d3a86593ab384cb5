/** Scenario 1, which has limits and no breaker, and scenario 7 as printed, whose breaker must stay closed. */
import { eventually } from '../support/eventually.ts';
import { policyInWords, type LimitScenario, type QuietScenario } from './catalogue.ts';
import { check } from './checks.ts';
import { byStatus, inWords, runLoad, type CallEnd } from './load.ts';
import { breakerInForce } from './policy-changes.ts';
import type { Row, Stage } from './stage.ts';

export async function runLimits(scenario: LimitScenario, stage: Stage): Promise<Row> {
  const { proxy, host, scale, watched } = stage;
  const { path, connections, calls } = scenario;
  watched.begin(stage.seed);
  const overflowsBefore = await overflowsOf(stage);
  const ends = await runLoad({ proxy, host, path, connections, calls, qps: 0 });
  const overflows = (await overflowsOf(stage)) - overflowsBefore;
  const served = ends.filter(({ status }) => status === 200);
  const refused = ends.filter(({ status }) => status === 503);
  return {
    id: scenario.id,
    policy: policyInWords(scenario, scale),
    calls: byStatus(ends),
    expected: 'some 200, the rest 503; 1 connection, 1 request on each',
    checks: [
      check(`${calls} calls, each 200 or 503`, served.length + refused.length === calls, inWords(byStatus(ends))),
      check('some are served, some are not', served.length > 0 && refused.length > 0, inWords(byStatus(ends))),
      check('each 503 has x-envoy-overloaded: true', refused.every(({ overloaded }) => overloaded), refused.find(({ overloaded }) => !overloaded)),
      check('each 503 is in the metric of overflows', overflows === refused.length, overflows),
      check('the upstream got those that were served, and no other', watched.arrivals.length === served.length, watched.arrivals.length),
      check('never more than one connection to the upstream', watched.connectionsMax === 1, watched.connectionsMax),
      check('never two requests on one connection', watched.requestsPerConnectionMax === 1, watched.requestsPerConnectionMax),
    ],
  };
}

async function overflowsOf({ metrics, upstream }: Stage): Promise<number> {
  const counts = (await metrics.metrics()).matchAll(/^fuseboard_call_overflows_total\{([^}]*)\} (\d+)$/gm);
  return [...counts].reduce((sum, [, labels = '', count]) => (labels.includes(`upstream="${upstream}"`) ? sum + Number(count) : sum), 0);
}

export async function runQuiet(scenario: QuietScenario, stage: Stage): Promise<Row> {
  const { proxy, host, scale, watched, console, upstream } = stage;
  const { connections, calls, qps } = scale;
  watched.begin(stage.seed);
  const before = await breakerInForce(stage);
  const ends = await runLoad({ proxy, host, path: scenario.path, connections, calls, qps });
  const after = await eventually(async () => {
    const breaker = await console.breaker(upstream);
    return breaker.window.total >= calls || breaker.generation !== before.generation ? breaker : undefined;
  }, { what: `${calls} outcomes in the window of ${upstream}` });
  const answered = (end: CallEnd): boolean => end.status === 200 && !end.degraded;
  const slow = watched.arrivals.filter(({ delayMs }) => delayMs > 0).length;
  return {
    id: scenario.id,
    policy: policyInWords(scenario, scale),
    calls: byStatus(ends),
    tripped: 'never',
    expected: `${calls} × 200, never trips`,
    checks: [
      check(`${calls} calls, all 200`, ends.length === calls && ends.every(answered), inWords(byStatus(ends))),
      check('a fifth of them delayed', slow === calls / 5, slow),
      check('closed, with no transition', after.state === 'closed' && after.generation === before.generation, after),
      check('each call counted once, no error', after.window.total === calls && after.window.errors === 0, after.window),
    ],
  };
}
