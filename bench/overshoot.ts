/**
 * What one count for the whole fleet saves: eight proxies (processes of their own), an upstream that answers 511 to every
 * call, a threshold of 100. How many failures reach the upstream before every proxy refuses? Against eight local
 * breakers with the same threshold, each counting its own calls, in the same run. Beyond the threshold go the calls that
 * are made while the trip is on its way: rate × trip time. Goal at 200 calls a second: at most 105.
 */
import { Agent } from 'node:http';
import { BrokenCircuitError, ConsecutiveBreaker, circuitBreaker, handleAll } from 'cockatiel';
import { call, runLoad } from '../test/scenarios/load.ts';
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
const CONNECTIONS = 2;
/** Of one proxy in one trip; far beyond what it takes. */
const CALLS_MAX = 20_000;

export interface OvershootRow {
  readonly rate: string;
  readonly who: string;
  /** Calls a second that were really made. */
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

/** Every proxy is called at its share of the rate until it refuses. */
async function tripAll(proxies: readonly ProxyMember[], upstream: WatchedUpstream, { host, rate }: { host: string; rate: number }): Promise<Trip> {
  upstream.begin(1);
  const startMs = performance.now();
  const ends = await Promise.all(
    proxies.map(({ proxy }) =>
      runLoad({ proxy, host, path: '/echo?status=511', connections: CONNECTIONS, calls: CALLS_MAX, qps: rate / PROXIES, isOver: (ended) => ended.at(-1)?.degraded === true }),
    ),
  );
  const seconds = (performance.now() - startMs) / 1_000;
  return { failures: upstream.arrivals.length, callsPerSecond: ends.flat().length / seconds };
}

/** As many callers, each with a breaker of its own that opens after as many failures; cockatiel's, around the same calls. */
async function tripLocal(upstream: WatchedUpstream, rate: number): Promise<Trip> {
  upstream.begin(1);
  const [host = '', port = ''] = upstream.target.split(':');
  const target: Address = { host, port: Number(port) };
  const startMs = performance.now();
  await Promise.all(Array.from({ length: PROXIES }, () => callUntilBroken(target, rate / PROXIES)));
  const seconds = (performance.now() - startMs) / 1_000;
  return { failures: upstream.arrivals.length, callsPerSecond: upstream.arrivals.length / seconds };
}

async function callUntilBroken(target: Address, rate: number): Promise<void> {
  const breaker = circuitBreaker(handleAll, { halfOpenAfter: 600_000, breaker: new ConsecutiveBreaker(THRESHOLD) });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const startMs = performance.now();
  const everyMs = rate === 0 ? 0 : 1_000 / rate;
  for (let n = 0; ; n++) {
    const earlyMs = startMs + n * everyMs - performance.now();
    if (earlyMs > 1) await new Promise((resolve) => setTimeout(resolve, earlyMs));
    try {
      await breaker.execute(async () => {
        const { status } = await call({ proxy: target, host: 'local', path: '/echo?status=511' }, agent);
        if (status === 511) throw new Error('failed');
      });
    } catch (error) {
      if (error instanceof BrokenCircuitError) break;
    }
  }
  agent.destroy();
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
