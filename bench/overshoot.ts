/**
 * What one count for the whole fleet saves: eight proxies (processes of their own), an upstream that answers 511 to every
 * call. How many failures reach the upstream before every proxy refuses? Three in one run, in turns: the fleet as it is,
 * where a proxy's own outcomes may refuse ahead of it (V7); the fleet's verdict alone, by the same policy as a ratio; and
 * eight local breakers, each counting its own calls to the same threshold. The first is to be no worse than either of the
 * others. Beyond the threshold go the calls that are made while the trip is on its way: rate × trip time. Goal of the
 * fleet at 200 calls a second and a threshold of 100: at most 105.
 */
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { BrokenCircuitError, ConsecutiveBreaker, circuitBreaker, handleAll } from 'cockatiel';
import type { ProvisionalVerdict } from '#engine';
import { call } from '../test/scenarios/load.ts';
import { WatchedUpstream } from '../test/scenarios/upstream.ts';
import type { Member, ProxyMember } from '../test/support/fleet.ts';
import type { Address } from '../test/support/program.ts';
import { documentsOf, openBenchFleet, type BenchFleet, type PolicyOf } from './fleet.ts';
import { percentile } from './percentiles.ts';

const PROXIES = 8;
const TRIPS = 9;
/** A low threshold is where local breakers are quick, and a trip that is late is where they are better. */
const CASES: readonly Case[] = [
  { rate: 200, threshold: 100 },
  { rate: 2_000, threshold: 100 },
  { rate: 0, threshold: 100 },
  { rate: 200, threshold: 5 },
  { rate: 2_000, threshold: 5 },
  { rate: 0, threshold: 5 },
  { rate: 200, threshold: 5, heldUpMs: 500 },
];
const FLEETS = ['fleet', 'fleet alone'] as const;
const WHO = [...FLEETS, 'local'] as const;
/** Of one caller. */
const IN_FLIGHT_MAX = 2;
/** In one trip; far beyond what it takes. */
const CALLS_MAX = 20_000;
const WARM_UP = 'warm-up.bench.local';

interface Case {
  /** Calls a second over all proxies; 0: as many as the machine gives. */
  readonly rate: number;
  readonly threshold: number;
  /** For so long from the first call on the ingest doesn't run, ms; absent: it runs. */
  readonly heldUpMs?: number;
}

interface Started {
  readonly ingest: Member;
  readonly proxies: readonly ProxyMember[];
}

export interface OvershootRow extends Case {
  /** `fleet`: with V7; `fleet alone`: without; `local`: cockatiel's breakers. */
  readonly who: (typeof WHO)[number];
  /** Calls a second that really reached the upstream. */
  readonly callsPerSecond: number;
  /** That reached the upstream until all refuse: the median of the trips, the mean (a few trips are late), and the most. */
  readonly failures: number;
  readonly failuresMean: number;
  readonly failuresMax: number;
  /** By the law: (failures - threshold) / rate. */
  readonly tripMs: number;
}

interface Trip {
  readonly failures: number;
  readonly callsPerSecond: number;
}

const hostOf = ({ rate, threshold, heldUpMs = 0 }: Case, who: string, trip: number): string => `${who.replace(' ', '-')}-${rate}-${threshold}-${heldUpMs}-${trip}.bench.local`;

export interface Overshoot {
  readonly rows: readonly OvershootRow[];
  /** How the proxies' provisional openings ended, all trips together (docs/model.md V7): by verdict. */
  readonly verdicts: Readonly<Record<ProvisionalVerdict, number>>;
}

export async function run(): Promise<Overshoot> {
  const upstream = await WatchedUpstream.start();
  const fleet = await openBenchFleet(documentsOf([{ host: WARM_UP, target: upstream.target, errorAmountThreshold: 100 }, ...CASES.flatMap((each) => policiesOf(each, upstream.target))]));
  try {
    const started = await startProxies(fleet);
    const { proxies } = started;
    await tripAll(proxies, upstream, { host: WARM_UP, rate: 200 });
    const rows: OvershootRow[] = [];
    for (const each of CASES) rows.push(...(await measure(each, started, upstream)));
    const verdicts = await verdictsOf(proxies);
    print(rows, verdicts);
    return { rows, verdicts };
  } finally {
    await fleet.close();
    await upstream.close();
  }
}

/** A host for each trip: what is open stays open. */
function policiesOf(each: Case, target: string): PolicyOf[] {
  return FLEETS.flatMap((who) =>
    Array.from({ length: TRIPS }, (_, trip) => ({ host: hostOf(each, who, trip), target, errorAmountThreshold: each.threshold, asRatio: who === 'fleet alone' })),
  );
}

/** In turns, so that whatever else the machine does befalls all three. */
async function measure(each: Case, { ingest, proxies }: Started, upstream: WatchedUpstream): Promise<OvershootRow[]> {
  const trips: Record<(typeof WHO)[number], Trip[]> = { fleet: [], 'fleet alone': [], local: [] };
  for (let trip = 0; trip < TRIPS; trip++) {
    for (const who of trip % 2 === 0 ? FLEETS : FLEETS.toReversed()) {
      const tripped = tripAll(proxies, upstream, { host: hostOf(each, who, trip), rate: each.rate });
      await holdUp(ingest, each.heldUpMs);
      trips[who].push(await tripped);
    }
    trips.local.push(await tripLocal(upstream, each));
  }
  return WHO.map((who) => rowOf(each, who, trips[who]));
}

async function holdUp({ pid }: Member, ms: number | undefined): Promise<void> {
  if (ms === undefined) return;
  process.kill(pid, 'SIGSTOP');
  await sleep(ms);
  process.kill(pid, 'SIGCONT');
}

async function startProxies({ stage }: BenchFleet): Promise<Started> {
  const ingest = await stage.ingest();
  const proxies = await Promise.all(Array.from({ length: PROXIES }, () => stage.proxy()));
  await stage.ready([ingest, ...proxies]);
  return { ingest, proxies };
}

/** Calls go to the proxies in turns until all of them refuse. */
async function tripAll(proxies: readonly ProxyMember[], upstream: WatchedUpstream, { host, rate }: { host: string; rate: number }): Promise<Trip> {
  const agents = proxies.map(() => new Agent({ keepAlive: true }));
  const callers = proxies.map(({ proxy }, index): Caller => async () => {
    const { degraded } = await call({ proxy, host, path: '/echo?status=511' }, agents[index]);
    return degraded;
  });
  const trip = await callUntilRefused(callers, upstream, rate);
  for (const agent of agents) agent.destroy();
  return trip;
}

/** As many callers, each with a breaker of its own that opens after as many failures; cockatiel's, around the same calls. */
async function tripLocal(upstream: WatchedUpstream, { rate, threshold }: Case): Promise<Trip> {
  const [host = '', port = ''] = upstream.target.split(':');
  const target: Address = { host, port: Number(port) };
  const agent = new Agent({ keepAlive: true });
  const callers = Array.from({ length: PROXIES }, (): Caller => {
    const breaker = circuitBreaker(handleAll, { halfOpenAfter: 600_000, breaker: new ConsecutiveBreaker(threshold) });
    const failing = async (): Promise<void> => {
      const { status } = await call({ proxy: target, host: 'local', path: '/echo?status=511' }, agent);
      if (status === 511) throw new Error('failed');
    };
    return () => breaker.execute(failing).then(() => false, (error: unknown) => error instanceof BrokenCircuitError);
  });
  const trip = await callUntilRefused(callers, upstream, rate);
  agent.destroy();
  return trip;
}

/** One call; true: it was refused without reaching the upstream. */
type Caller = () => Promise<boolean>;

/** At a rate the callers take turns, evenly; with none each calls as soon as it was answered. One that was refused is done. */
async function callUntilRefused(callers: readonly Caller[], upstream: WatchedUpstream, rate: number): Promise<Trip> {
  upstream.begin(1);
  const startMs = performance.now();
  await (rate === 0 ? callInLoops(callers) : callInTurns(callers, rate));
  const failures = upstream.arrivals.length;
  return { failures, callsPerSecond: failures / ((performance.now() - startMs) / 1_000) };
}

async function callInTurns(callers: readonly Caller[], rate: number): Promise<void> {
  const calling = new Set(callers);
  const inFlight = new Set<Promise<void>>();
  // Behind that the machine doesn't give the rate, and waiting calls would be measured.
  const inFlightMax = callers.length * IN_FLIGHT_MAX;
  const startMs = performance.now();
  for (let n = 0; calling.size > 0 && n < CALLS_MAX; n++) {
    const earlyMs = startMs + (n * 1_000) / rate - performance.now();
    if (earlyMs > 1) await sleep(earlyMs);
    if (inFlight.size >= inFlightMax) await Promise.race(inFlight);
    const caller = callers[n % callers.length] as Caller;
    if (!calling.has(caller)) continue;
    const made = caller().then((isRefused) => {
      if (isRefused) calling.delete(caller);
      inFlight.delete(made);
    });
    inFlight.add(made);
  }
  await Promise.all(inFlight);
}

async function callInLoops(callers: readonly Caller[]): Promise<void> {
  const loop = async (caller: Caller): Promise<void> => {
    for (let n = 0; n < CALLS_MAX; n++) if (await caller()) return;
  };
  await Promise.all(callers.flatMap((caller) => [loop(caller), loop(caller)]));
}

function rowOf(each: Case, who: OvershootRow['who'], trips: readonly Trip[]): OvershootRow {
  const { rate, threshold } = each;
  const callsPerSecond = percentile(trips.map((trip) => trip.callsPerSecond), 0.5);
  const failures = percentile(trips.map((trip) => trip.failures), 0.5);
  const failuresMean = trips.reduce((sum, trip) => sum + trip.failures, 0) / trips.length;
  const failuresMax = Math.max(...trips.map((trip) => trip.failures));
  const tripMs = (Math.max(0, failures - threshold) / (rate === 0 ? callsPerSecond : rate)) * 1_000;
  return { ...each, who, callsPerSecond, failures, failuresMean, failuresMax, tripMs };
}

/** Says whether refusals were the fleet's in the end: a caller that was refused once is done here. */
async function verdictsOf(proxies: readonly ProxyMember[]): Promise<Record<ProvisionalVerdict, number>> {
  const verdicts = { agreed: 0, none: 0, other: 0 };
  for (const { admin } of proxies) {
    const text = await (await fetch(`http://${admin.host}:${admin.port}/metrics`)).text();
    for (const [, verdict, count] of text.matchAll(/^fuseboard_provisional_total\{.*verdict="(\w+)".*\} (\d+)$/gm)) verdicts[verdict as ProvisionalVerdict] += Number(count);
  }
  return verdicts;
}

function print(rows: readonly OvershootRow[], { agreed, none, other }: Overshoot['verdicts']): void {
  console.log(`failures that reached the upstream until all of ${PROXIES} refuse: median / mean / most of ${TRIPS} trips, calls a second really made`);
  console.table(CASES.map((each, n) => {
    const of = (who: OvershootRow['who']): string => {
      const row = rows[n * WHO.length + WHO.indexOf(who)] as OvershootRow;
      return `${row.failures} / ${Math.round(row.failuresMean)} / ${row.failuresMax} at ${Math.round(row.callsPerSecond)}/s`;
    };
    const { rate, threshold, heldUpMs = 0 } = each;
    return { rate: rate === 0 ? 'all it gives' : `${rate}/s`, threshold, 'ingest held up, ms': heldUpMs, fleet: of('fleet'), 'its verdict alone': of('fleet alone'), 'local breakers': of('local') };
  }));
  console.log(`provisional openings by verdict: agreed ${agreed}, none ${none}, other ${other}`);
}
