/** Made-up calls, the same for the same words and seed: `rate=200,for=10m,errors=1%,burst=2m+30s:60%`. */
import type { Outcome, Result } from '#engine';
import { parseGoDuration } from '#wire';
import { seeded, type Random } from '../echo/chance.ts';
import { Failure } from '../failure.ts';
import type { Simulation } from './simulation.ts';
import type { Taken } from './taken.ts';

/** When they begin: a time like any other, so that what is printed is the same each time. */
const START_MS = Date.UTC(2026, 0, 1);
const CALLS_MAX = 100_000_000;

export const GENERATE_ALLOWED = 'rate=CALLS a second (100), for=DURATION (10m), errors=SHARE (1%), latency=DURATION (20ms), slow=SHARE:DURATION, burst=START+LENGTH:SHARE of errors (several), in this form: rate=200,for=10m,errors=1%,slow=2%:6s,burst=2m+30s:60%';

interface Burst {
  readonly fromMs: number;
  readonly toMs: number;
  readonly share: number;
}

export interface Generated {
  readonly rate: number;
  readonly forMs: number;
  readonly errors: number;
  readonly latencyMs: number;
  readonly slow: { readonly share: number; readonly ms: number };
  readonly bursts: readonly Burst[];
}

/** @throws {Failure} naming the part that can't be read */
export function parseGenerated(text: string): Generated {
  const made: { -readonly [K in keyof Generated]: Generated[K] } = { rate: 100, forMs: 600_000, errors: 0.01, latencyMs: 20, slow: { share: 0, ms: 0 }, bursts: [] };
  for (const part of text.split(',').filter((each) => each !== '')) {
    const [name, value] = [part.slice(0, Math.max(0, part.indexOf('='))), part.slice(part.indexOf('=') + 1)];
    if (name === 'rate') made.rate = checked(Number(value), part);
    else if (name === 'for') made.forMs = checked(durationOf(value), part);
    else if (name === 'errors') made.errors = checked(shareOf(value), part);
    else if (name === 'latency') made.latencyMs = checked(durationOf(value), part);
    else if (name === 'slow') made.slow = slowOf(value, part);
    else if (name === 'burst') made.bursts = [...made.bursts, burstOf(value, part)];
    else throw refused(part);
  }
  if (!(made.rate > 0) || made.rate * made.forMs > CALLS_MAX * 1_000) throw new Failure(`--generate: found ${made.rate} calls a second for ${made.forMs / 1_000} s, allowed: more than none, and ${CALLS_MAX} in all`, 2);
  return made;
}

function slowOf(value: string, part: string): Generated['slow'] {
  const [share = '', ms = ''] = value.split(':');
  return { share: checked(shareOf(share), part), ms: checked(durationOf(ms), part) };
}

function burstOf(value: string, part: string): Burst {
  const [, from = '', length = '', share = ''] = /^([^+]+)\+([^:]+):(.+)$/.exec(value) ?? [];
  const fromMs = checked(durationOf(from), part);
  return { fromMs, toMs: fromMs + checked(durationOf(length), part), share: checked(shareOf(share), part) };
}

function durationOf(text: string): number {
  const ns = parseGoDuration(text);
  return ns === undefined ? Number.NaN : Number(ns) / 1e6;
}

function shareOf(text: string): number {
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  return percent === undefined || Number(percent) > 100 ? Number.NaN : Number(percent) / 100;
}

function checked(value: number, part: string): number {
  if (Number.isNaN(value)) throw refused(part);
  return value;
}

function refused(part: string): Failure {
  return new Failure(`--generate: found "${part}", allowed: ${GENERATE_ALLOWED}`, 2);
}

const OK: Result = { kind: 'status', code: 200 };
const ERROR: Result = { kind: 'status', code: 503 };

export function takeGenerated(simulation: Simulation, { made, upstream, seed }: { readonly made: Generated; readonly upstream: string; readonly seed: number }): Taken {
  const random = seeded(seed);
  const { rate, forMs } = made;
  for (let n = 0; (n * 1_000) / rate < forMs; n++) {
    const sinceMs = (n * 1_000) / rate;
    simulation.take(callAt(sinceMs, made, { upstream, random }), n + 1, Math.round(START_MS + sinceMs));
  }
  return { placeOf: (offset) => `call ${offset}`, notes: [] };
}

function callAt(sinceMs: number, { errors, slow, latencyMs, bursts }: Generated, { upstream, random }: { upstream: string; random: Random }): Outcome {
  const share = bursts.find(({ fromMs, toMs }) => sinceMs >= fromMs && sinceMs < toMs)?.share ?? errors;
  const result = random() < share ? ERROR : OK;
  const durationMs = random() < slow.share ? slow.ms : latencyMs * (0.5 + random());
  return { upstream, atMs: Math.round(START_MS + sinceMs), reporter: 'generated', result, durationMs, count: 1 };
}
