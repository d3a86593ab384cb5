/**
 * What one count for the whole fleet saves: eight proxies (processes of their own), an upstream that answers 511 to every
 * call, a threshold of 100. How many failures reach the upstream before every proxy refuses? Against eight local
 * breakers with the same threshold, each counting its own calls, in the same run. Beyond the threshold go the calls that
 * are made while the trip is on its way: rate × trip time. Goal at 200 calls a second: at most 105.
 */
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { BrokenCircuitError, ConsecutiveBreaker, circuitBreaker, handleAll } from 'cockatiel';
import { call } from '../test/scenarios/load.ts';
import { WatchedUpstream } from '../test/scenarios/upstream.ts';
import type { ProxyMember } from '../test/support/fleet.ts';
import type { Address } from '../test/support/program.ts';
import { documentsOf, openBenchFleet, type BenchFleet } from './fleet.ts';
import { percentile } from './percentiles.ts';

const PROXIES = 8;
const THRESHOLD = 100;
const TRIPS = 5;
/** Calls a second over all proxies; 0: as many as the machine gives. */
const RATES = [200, 2_000, 0];
/** Of one caller. */
const IN_FLIGHT_MAX = 2;
/** In one trip; far beyond what it takes. */
const CALLS_MAX = 20_000;

export interface OvershootRow {
  readonly rate: string;
  readonly who: string;
  /** Calls a second that really reached the upstream. */
  readonly callsPerSecond: number;
  /** That reached the upstream until all refuse: the median of the trips, and the most. */
  readonly failures: number;
  readonly failuresMax: number;
  /** By the law: (failures - threshold) / rate. */
  readonly tripMs: number;
}

interface Trip {
  readonly failures: number;
  readonly callsPerSecond: number;
}

const hostOf = (rate: number, trip: number): string => `r${rate}-${trip}.bench.local`;

export async function run(): Promise<OvershootRow[]> {
  const upstream = await WatchedUpstream.start();
  const hosts = ['warm-up.bench.local', ...RATES.flatMap((rate) => Array.from({ length: TRIPS }, (_, trip) => hostOf(rate, trip)))];
  const fleet = await openBenchFleet(documentsOf(hosts.map((host) => ({ host, target: upstream.target, errorAmountThreshold: THRESHOLD }))));
  try {
    const proxies = await startProxies(fleet);
    await tripAll(proxies, upstream, { host: 'warm-up.bench.local', rate: 200 });
    const rows: OvershootRow[] = [];
    for (const rate of RATES) {
      const trips: Trip[] = [];
      for (let trip = 0; trip < TRIPS; trip++) trips.push(await tripAll(proxies, upstream, { host: hostOf(rate, trip), rate }));
      rows.push(rowOf(rate, 'fuseboard, eight proxies', trips), rowOf(rate, 'eight local breakers (cockatiel)', [await tripLocal(upstream, rate)]));
    }
    print(rows);
    return rows;
  } finally {
    await fleet.close();
    await upstream.close();
  }
}

async function startProxies({ stage }: BenchFleet): Promise<ProxyMember[]> {
  const ingest = await stage.ingest();
  const proxies = await Promise.all(Array.from({ length: PROXIES }, () => stage.proxy()));
  await stage.ready([ingest, ...proxies]);
  return proxies;
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
async function tripLocal(upstream: WatchedUpstream, rate: number): Promise<Trip> {
  const [host = '', port = ''] = upstream.target.split(':');
  const target: Address = { host, port: Number(port) };
  const agent = new Agent({ keepAlive: true });
  const callers = Array.from({ length: PROXIES }, (): Caller => {
    const breaker = circuitBreaker(handleAll, { halfOpenAfter: 600_000, breaker: new ConsecutiveBreaker(THRESHOLD) });
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

function rowOf(rate: number, who: string, trips: readonly Trip[]): OvershootRow {
  const callsPerSecond = percentile(trips.map((each) => each.callsPerSecond), 0.5);
  const failures = percentile(trips.map((each) => each.failures), 0.5);
  const failuresMax = Math.max(...trips.map((each) => each.failures));
  const tripMs = (Math.max(0, failures - THRESHOLD) / (rate === 0 ? callsPerSecond : rate)) * 1_000;
  return { rate: rate === 0 ? 'all it gives' : `${rate}/s`, who, callsPerSecond, failures, failuresMax, tripMs };
}

function print(rows: readonly OvershootRow[]): void {
  console.table(rows.map(({ rate, who, callsPerSecond, failures, failuresMax, tripMs }) => ({
    rate,
    who,
    'calls/s': Math.round(callsPerSecond),
    'failures that reached the upstream': failures,
    most: failuresMax,
    'beyond 100 = rate ×': `${tripMs.toFixed(0)} ms`,
  })));
}
