/** Scenarios 2 to 9: load until it trips and on, load while open, the close, and for 7 to 9 the second trip. */
import { eventually } from '../support/eventually.ts';
import type { TransitionView } from '../support/console-client.ts';
import { policyInWords, type TripScenario } from './catalogue.ts';
import { check, checkClosing, checkTrippedLoad, checkWhileOpen, isPassed, letThroughMax, type Check } from './checks.ts';
import { byStatus, call, inWords, runLoad, type CallEnd } from './load.ts';
import { breakerInForce } from './policy-changes.ts';
import type { Row, Stage } from './stage.ts';

/** A transition is in the log within 1 s (T5); only a hang ends here. */
const TRANSITION_DEADLINE_MS = 15_000;

export async function runTrip(scenario: TripScenario, stage: Stage): Promise<Row> {
  const { scale, watched } = stage;
  watched.begin(stage.seed);
  const { generation } = await breakerInForce(stage);
  const first = await loadUntilTripped(scenario, stage, { generation: generation + 1, before: { ends: [], arrived: 0 } });
  const { openUntilMs = 0, atMs } = first.transition;

  const arrived = watched.arrivals.length;
  const second = await runLoad({ ...loadOf(scenario, stage), proxy: stage.otherProxy, isOver: () => Date.now() >= openUntilMs });
  const closing = await transitionOf(stage, generation + 2, Math.max(0, openUntilMs - Date.now()));
  // What was on its way as it closed was let through, and stands in the next window.
  const after = await afterTheClose(scenario, stage, { generation: generation + 3, before: { ends: second.filter((end) => isPassed(end)), arrived } });
  return {
    id: scenario.id,
    policy: policyInWords(scenario, scale),
    calls: byStatus(first.ends),
    tripped: tripInWords(first.transition),
    whileOpen: inWords(byStatus(second)),
    closedAfterMs: closing.atMs - atMs,
    ...(after.again === undefined ? {} : { again: after.again }),
    expected: expectation(scenario, stage),
    checks: [
      ...first.checks,
      ...checkWhileOpen(second, scenario, { scale, openUntilMs }),
      ...checkClosing(closing, first.transition),
      ...after.checks,
    ],
  };
}

interface Trip {
  /** That it begins. */
  readonly generation: number;
  /** What its window has from before this load, and how many calls had arrived before that. */
  readonly before: { readonly ends: readonly CallEnd[]; readonly arrived: number };
}

interface Tripped {
  readonly ends: readonly CallEnd[];
  readonly transition: TransitionView;
  readonly checks: readonly Check[];
}

async function loadUntilTripped(scenario: TripScenario, stage: Stage, { generation, before }: Trip): Promise<Tripped> {
  const { scale, watched } = stage;
  // Asked for as soon as a call is refused: what the second load has of the window begins where this one ends.
  let asked: Promise<TransitionView> | undefined;
  const isOver = halfTheWindowAfterTheTrip(scale.degradedTimeWindowMs, () => {
    asked = transitionOf(stage, generation);
    // The load goes on meanwhile; whoever awaits it below is told why it failed.
    asked.catch(() => {});
  });
  const ends = [...before.ends, ...(await runLoad({ ...loadOf(scenario, stage), isOver }))];
  const transition = await (asked ?? transitionOf(stage, generation));
  const arrivals = watched.arrivals.slice(before.arrived);
  return { ends, transition, checks: checkTrippedLoad({ ends, arrivals, transition }, scenario, scale) };
}

/** So that on a slow machine, at the small scale, half of the window is left to the second load. At osm-edge's own scale it never comes to this. */
function halfTheWindowAfterTheTrip(degradedTimeWindowMs: number, onTrip: () => void): (ended: readonly CallEnd[]) => boolean {
  let looked = 0;
  let endMs = Infinity;
  return (ended) => {
    while (endMs === Infinity && looked < ended.length) {
      const { degraded, doneMs } = ended[looked++] as CallEnd;
      if (!degraded) continue;
      endMs = doneMs + degradedTimeWindowMs / 2;
      onTrip();
    }
    return Date.now() >= endMs;
  };
}

/** The upstream is called again: by one call, or by the third load. */
async function afterTheClose(scenario: TripScenario, stage: Stage, trip: Trip): Promise<{ again?: string; checks: readonly Check[] }> {
  if (scenario.tripsAgain) {
    const { ends, transition, checks } = await loadUntilTripped(scenario, stage, trip);
    const named = checks.map(({ claim, ...rest }) => ({ claim: `the second time: ${claim}`, ...rest }));
    return { again: `${tripInWords(transition)}; ${inWords(byStatus(ends))}`, checks: named };
  }
  const probe = await call({ ...stage, path: '/echo' });
  return { checks: [check('a call after the close is answered by the upstream', isPassed(probe) && probe.status === 200, probe)] };
}

function transitionOf({ console, upstream }: Stage, generation: number, notBeforeMs = 0): Promise<TransitionView> {
  return eventually(async () => (await console.transitions(upstream)).find((each) => each.generation === generation), {
    what: `transition ${generation} of ${upstream}`,
    deadlineMs: TRANSITION_DEADLINE_MS + notBeforeMs,
    everyMs: 50,
  });
}

function loadOf({ path }: TripScenario, { proxy, host, scale: { connections, calls, qps } }: Stage): Parameters<typeof runLoad>[0] {
  return { proxy, host, path, connections, calls, qps };
}

function tripInWords({ window: { total, errors, slow } }: TransitionView): string {
  return `request ${total}: ${errors} errors, ${slow} slow`;
}

function expectation({ trip: { counter, by }, degradedStatusCode, tripsAgain }: TripScenario, { scale }: Stage): string {
  const { amountThreshold, minRequestAmount, degradedTimeWindow } = scale;
  const where = by === 'amount' ? `${amountThreshold} ${counter}` : `request ${minRequestAmount}`;
  return `${where} (+ ≤ ${letThroughMax(scale)}), then only ${degradedStatusCode}, ${degradedTimeWindow}${tripsAgain ? ', again' : ''}`;
}
