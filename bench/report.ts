/**
 * What it costs a proxy to tell the log what became of its calls: CPU of the process, and bytes in Kafka (key and value),
 * for each call. At 200 calls a second records go one by one; at 10,000 calls alike are merged (V6, L4). The base is the
 * same loop at the same rate which reports nothing. Goal at 10,000: at most 1 µs and 20 bytes a call.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { LogClock, Reporter, type Call } from '#engine';
import { openBenchFleet, documentsOf, type BenchFleet } from './fleet.ts';

const UPSTREAM = 'report.bench.local';
/** Calls a second, and how many of them fail. */
const LOADS = [
  { rate: 200, failing: 0.001 },
  { rate: 10_000, failing: 0.001 },
  { rate: 10_000, failing: 0.1 },
];
const ROUNDS = 5;
const DURATION_MS = 3_000;
const WARM_UP_MS = 1_500;
const BEGIN_MS = 300;
/** Wide, so that the loop itself costs little beside what is measured. */
const TICK_MS = 10;
const PULSE_MS = 100;

type Load = (typeof LOADS)[number];

export interface ReportRow {
  readonly callsPerSecond: number;
  /** Share of the calls. */
  readonly failing: number;
  /** Of the process, less that of the same loop without reports; the median of the rounds. */
  readonly cpuUsPerCall: number;
  readonly bytesPerCall: number;
  readonly callsPerRecord: number;
}

export async function run(): Promise<ReportRow[]> {
  const fleet = await openBenchFleet(documentsOf([{ host: UPSTREAM, errorAmountThreshold: 1_000_000 }]));
  try {
    const { outcomes } = await fleet.openDrivers('report');
    const log = await followLog(fleet);
    const rows: ReportRow[] = [];
    for (const load of LOADS) {
      const reporter = new Reporter(outcomes, { reporter: 'bench-proxy-1', idPrefix: `bench-proxy-1/${Date.now().toString(36)}-`, clock: new LogClock({ wallMs: Date.now, monotonicMs: () => performance.now() }) });
      rows.push(await measure(load, reporter, log));
    }
    await log.close();
    console.table(rows.map(({ callsPerSecond, failing, cpuUsPerCall, bytesPerCall, callsPerRecord }) => ({
      'calls/s': callsPerSecond,
      failing: `${failing * 100} %`,
      'CPU µs a call': Number(cpuUsPerCall.toFixed(2)),
      'bytes in Kafka a call': Number(bytesPerCall.toFixed(1)),
      'calls a record': Number(callsPerRecord.toFixed(1)),
    })));
    return rows;
  } finally {
    await fleet.close();
  }
}

async function measure(load: Load, reporter: Reporter, log: FollowedLog): Promise<ReportRow> {
  const report = (call: Call): void => reporter.report(call);
  const pulse = (): void => reporter.pulse();
  await drive(load, { report, pulse }, WARM_UP_MS);
  const rows: ReportRow[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const idle = await drive(load, { report: () => {}, pulse: () => {} }, DURATION_MS);
    await reporter.flush();
    const before = await log.sofar();
    // The rate has just begun: not what is asked for.
    const begun = await drive(load, { report, pulse }, BEGIN_MS);
    const busy = await drive(load, { report, pulse }, DURATION_MS);
    await reporter.flush();
    const after = await log.sofar();
    const calls = begun.calls + busy.calls;
    rows.push({
      callsPerSecond: load.rate,
      failing: load.failing,
      cpuUsPerCall: busy.cpuUs / busy.calls - idle.cpuUs / idle.calls,
      bytesPerCall: (after.bytes - before.bytes) / calls,
      callsPerRecord: calls / (after.records - before.records),
    });
  }
  return rows.toSorted((a, b) => a.cpuUsPerCall - b.cpuUsPerCall)[Math.floor(ROUNDS / 2)] as ReportRow;
}

/** Calls at a rate, each tick as many as have come due. */
async function drive({ rate, failing }: Load, { report, pulse }: { report: (call: Call) => void; pulse: () => void }, durationMs: number): Promise<{ calls: number; cpuUs: number }> {
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  let calls = 0;
  let pulsedMs = startMs;
  for (let nowMs = startMs; nowMs < startMs + durationMs; nowMs = performance.now()) {
    const due = ((nowMs - startMs) * rate) / 1_000;
    for (; calls < due; calls++) report(calls % Math.round(1 / failing) === 0 ? FAILED_CALL : SERVED_CALL);
    if (nowMs - pulsedMs >= PULSE_MS) {
      pulse();
      pulsedMs = nowMs;
    }
    await sleep(TICK_MS);
  }
  const { user, system } = process.cpuUsage(cpu);
  return { calls, cpuUs: user + system };
}

const SERVED_CALL: Call = {
  upstream: UPSTREAM,
  result: { kind: 'status', code: 200 },
  durationMs: 1.234,
  admitted: { incarnation: 1, generation: 1 },
  slowTimeThresholdMs: 1_000,
  target: '127.0.0.1:8079',
};
const FAILED_CALL: Call = { ...SERVED_CALL, result: { kind: 'status', code: 503 } };

interface FollowedLog {
  /** Everything that is in the log by now. */
  readonly sofar: () => Promise<{ records: number; bytes: number }>;
  readonly close: () => Promise<void>;
}

/** It reads between the loops only. */
async function followLog({ services, prefix }: BenchFleet): Promise<FollowedLog> {
  const topic = `${prefix}.outcomes`;
  const kafka = new kafkajs.Kafka({ brokers: services.kafkaBrokers.split(','), logLevel: kafkajs.logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  return {
    sofar: async () => {
      const offsets = await admin.fetchTopicOffsets(topic);
      const end = offsets.reduce((sum, { high }) => sum + Number(high), 0);
      return await readAll(kafka, topic, end);
    },
    close: () => admin.disconnect(),
  };
}

async function readAll(kafka: kafkajs.Kafka, topic: string, end: number): Promise<{ records: number; bytes: number }> {
  if (end === 0) return { records: 0, bytes: 0 };
  const consumer = kafka.consumer({ groupId: `${topic}.${Math.random().toString(36).slice(2)}` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const found = { records: 0, bytes: 0 };
  await new Promise<void>((resolve, reject) => {
    const eachMessage = async ({ message: { key, value } }: kafkajs.EachMessagePayload): Promise<void> => {
      found.records++;
      found.bytes += (key?.length ?? 0) + (value?.length ?? 0);
      if (found.records === end) resolve();
    };
    consumer.run({ autoCommit: false, eachMessage }).catch(reject);
  });
  await consumer.disconnect();
  return found;
}
