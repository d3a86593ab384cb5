/**
 * 100,000 upstreams, all known, 1,000 of them hot: what an ingest and a proxy hold of them, and how long each takes after
 * a restart, beside the same processes with one upstream. Goals: ingest below 600 MB, its snapshots restored within 3 s; a
 * proxy ready within 1 s and below 150 MB. Beside them the floor of a proxy: a process that has ioredis alone, and reads the
 * same without looking at it.
 *
 * The policies come in by the control log, as whoever writes them there would, and lie in Redis as snapshots once a mark
 * has put them in force. `BENCH_KNOWN_BY=directory`: the ingest reads them as YAML instead.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import type { Document } from '#engine';
import { readDocument } from '#wire';
import { eventually } from '../test/support/eventually.ts';
import { openBenchFleet, type BenchFleet } from './fleet.ts';
import { knownHost, policyBody, upstreamBody } from './known-documents.ts';
import type { Floor } from './known-floor.ts';
import { openProfiles, profiled } from './proxy-profile.ts';
import { cpuSeconds, residentBytes } from './proxy-subjects.ts';
import { chosen, numbered } from './proxy-world.ts';
import type { LoadOrder } from './trip-load.ts';

const KNOWN = numbered('BENCH_KNOWN', 100_000);
const BY = chosen('BENCH_KNOWN_BY', ['control', 'directory']).at(0);
/** Of those known, how many have an Upstream too, so that the proxy serves them. */
const ROUTED = process.env['BENCH_KNOWN_ROUTED'] === undefined ? 0 : numbered('BENCH_KNOWN_ROUTED', KNOWN);
const HOT = 1_000;
const PARTITIONS = 12;
/** Calls a second of all hot ones, and for how long, ms. */
const HOT_RATE = 2_000;
const HOT_MS = 10_000;
/** Control records appended at once: below a broker's 1 MiB. */
const APPEND_MAX = 1_500;
/** Documents in a file: below 512 KiB. */
const FILE_MAX = 1_000;
const FILLED_WITHIN_MS = 300_000;

export interface KnownRow {
  readonly process: 'ingest' | 'proxy' | 'floor';
  readonly known: number;
  /** From its start until all of an ingest's partitions are restored, and until `/readyz`, ms. */
  readonly restoredMs?: number;
  readonly readyMs: number;
  /** Until it is ready, ms. */
  readonly cpuMs: number;
  readonly readyMb: number;
  /** With the hot ones called for a while. */
  readonly hotMb: number;
  readonly peakMb: number;
}

export async function run(): Promise<KnownRow[]> {
  const printProfiles = openProfiles();
  const few = await measure(1);
  const many = await measure(KNOWN);
  console.table([...few, ...many]);
  for (const [index, { process: name, known, readyMs, cpuMs, hotMb }] of many.entries()) {
    const one = few[index] as KnownRow;
    console.log(`${known} upstreams add to ${name}: ${readyMs - one.readyMs} ms until it is ready (${cpuMs - one.cpuMs} ms of CPU), ${hotMb - one.hotMb} MB`);
  }
  const [proxy, floor] = (['proxy', 'floor'] as const).map((name) => many.find(({ process: its }) => its === name) as KnownRow);
  if (proxy !== undefined && floor !== undefined) {
    console.log(`a proxy to its floor: ${ratio(proxy.readyMs, floor.readyMs)} the time, ${ratio(proxy.cpuMs, floor.cpuMs)} the CPU, ${ratio(proxy.readyMb, floor.readyMb)} the memory`);
  }
  printProfiles();
  return [...few, ...many];
}

async function measure(known: number): Promise<KnownRow[]> {
  const bodies = Array.from({ length: known }, (_, n) => policyBody(n));
  bodies.push(...Array.from({ length: Math.min(ROUTED, known) }, (_, n) => upstreamBody(n)));
  const files = Array.from({ length: Math.ceil(known / FILE_MAX) }, (_, n) => bodies.slice(n * FILE_MAX, (n + 1) * FILE_MAX).map(yamlOf).join(''));
  const fleet = await openBenchFleet(BY === 'directory' ? files : '', { partitions: PARTITIONS });
  const redis = new Redis(fleet.services.redisUrl);
  try {
    if (BY === 'control') await append(fleet, bodies.map(documentOf));
    const startMs = performance.now();
    const first = await fleet.stage.ingest();
    await eventually(() => isKnown(fleet, redis, known), { what: 'all policies to be in force', deadlineMs: FILLED_WITHIN_MS, everyMs: 100 });
    console.log(`${known} in force ${Math.round(performance.now() - startMs)} ms after the first ingest's start (${Math.round(cpuSeconds(first.pid) * 1_000)} ms of CPU), ${megabytes(residentBytes(first.pid))} MB`);
    await first.stop();
    return [await restarted('ingest', known, fleet), await restarted('proxy', known, fleet), await readAlone(known, fleet)];
  } finally {
    redis.disconnect();
    await fleet.close();
  }
}

/** JSON is YAML. */
function yamlOf(body: unknown): string {
  return `---\n${JSON.stringify(body)}\n`;
}

function documentOf(body: unknown): Document {
  const reading = readDocument(body);
  if ('problems' in reading) throw new Error(JSON.stringify(reading.problems));
  return reading.document;
}

async function append(fleet: BenchFleet, documents: readonly Document[]): Promise<void> {
  const { control } = await fleet.openDrivers('known');
  for (let from = 0; from < documents.length; from += APPEND_MAX) {
    await control.append(documents.slice(from, from + APPEND_MAX).map((document) => ({ author: 'bench', reason: 'known', source: 'api', change: { kind: 'apply', document } })));
  }
}

/** In Redis, each with a snapshot and its document. */
async function isKnown({ prefix }: BenchFleet, redis: Redis, known: number): Promise<true | undefined> {
  const counts = await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => redis.hlen(`${prefix}:{${partition}}:snapshots`)));
  const documents = await redis.hlen(`${prefix}:{documents}:bodies`);
  return documents === known + Math.min(ROUTED, known) && counts.reduce((sum, each) => sum + each, 0) === known ? true : undefined;
}

async function readAlone(known: number, { services, prefix }: BenchFleet): Promise<KnownRow> {
  const startMs = performance.now();
  const child = fork(fileURLToPath(new URL(`./known-floor${extname(import.meta.filename)}`, import.meta.url)), [services.redisUrl, prefix, `${PARTITIONS}`]);
  const [{ cpuMs, residentBytes: bytes, readBytes }] = (await once(child, 'message')) as [Floor];
  const [readyMs, readyMb] = [Math.round(performance.now() - startMs), megabytes(bytes)];
  console.log(`${known} known: a proxy reads ${Math.round(readBytes / known)} bytes for each from Redis`);
  return { process: 'floor', known, readyMs, cpuMs, readyMb, hotMb: readyMb, peakMb: readyMb };
}

async function restarted(what: 'ingest' | 'proxy', known: number, fleet: BenchFleet): Promise<KnownRow> {
  const startMs = performance.now();
  const member = await (what === 'ingest' ? fleet.stage.ingest(profiled().env) : fleet.stage.proxy(profiled().env));
  const sinceStart = (): number => Math.round(performance.now() - startMs);
  let restoredMs: number | undefined;
  if (what === 'ingest') {
    await member.until('all partitions to be restored', () => (member.log.filter(({ msg }) => msg.includes('is folded here')).length >= PARTITIONS ? true : undefined));
    restoredMs = sinceStart();
  }
  await fleet.stage.ready([member]);
  const ready = { readyMs: sinceStart(), cpuMs: Math.round(cpuSeconds(member.pid) * 1_000), readyMb: megabytes(residentBytes(member.pid)) };
  const load = what === 'ingest' ? startLoad(fleet, known) : undefined;
  await sleep(HOT_MS);
  load?.kill();
  const peak = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${member.pid}/status`, 'latin1'))?.[1];
  const held = { hotMb: megabytes(residentBytes(member.pid)), peakMb: megabytes(Number(peak) * 1_024) };
  await member.stop();
  return { process: what, known, ...(restoredMs === undefined ? {} : { restoredMs }), ...ready, ...held };
}

function startLoad({ services, prefix }: BenchFleet, known: number): ChildProcess {
  const child = fork(fileURLToPath(new URL(`./trip-load${extname(import.meta.filename)}`, import.meta.url)));
  const hosts = Array.from({ length: Math.min(HOT, known) }, (_, n) => knownHost(Math.floor((n * known) / HOT)));
  child.send({ kafkaBrokers: services.kafkaBrokers, topic: `${prefix}.outcomes`, hosts, rate: HOT_RATE } satisfies LoadOrder);
  return child;
}

const ratio = (of: number, to: number): string => (of / to).toFixed(1);
const megabytes = (bytes: number): number => Math.round(bytes / 1e6);
