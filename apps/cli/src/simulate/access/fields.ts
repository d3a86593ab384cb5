/**
 * The fields of an access log that matter, whoever wrote it, and what they make of its line: an outcome (O1 to O3).
 * One object for all lines, since they are many.
 */
import type { Failure, Result } from '#engine';
import type { Reading } from '../reading.ts';
import { commonLogTime, decimal, isoTime, lastOfList } from './numbers.ts';

export const FIELDS = ['endClf', 'endIso', 'endS', 'beginIso', 'beginS', 'beginMs', 'status', 'upstreamStatus', 'grpc', 'flags', 'headMs', 'headS', 'upstreamS', 'totalMs', 'totalS', 'host', 'cluster'] as const;
/** `end…`: when the call was over; `begin…`: when it began. `head…`: until the response head, and so on. */
export type Field = (typeof FIELDS)[number];

export const TIMES: ReadonlySet<Field> = new Set(['endClf', 'endIso', 'endS', 'beginIso', 'beginS', 'beginMs']);
/** A list of what several upstreams came to. */
const LISTS: ReadonlySet<Field> = new Set(['upstreamStatus', 'headS', 'upstreamS']);

const STATUSES: readonly Result[] = Array.from({ length: 600 }, (_, code) => Object.freeze({ kind: 'status', code }));
const DASH = 45;
/** The caller went away before there was an answer: nginx's own status. */
const CLIENT_CLOSED = 499;

/** Envoy's response flags that are no status of the upstream's. */
const FAILED: ReadonlyMap<string, Failure> = new Map([
  ['UF', 'refused'], ['UH', 'refused'], ['UC', 'reset'], ['UR', 'reset'], ['LR', 'reset'],
  ['UT', 'timeout'], ['SI', 'timeout'], ['UMSDR', 'timeout'], ['DT', 'timeout'], ['DF', 'dns'], ['UPE', 'bad-response'],
]);
/** Envoy's own refusals, and what callers caused (O3). */
const NO_CALL: ReadonlySet<string> = new Set(['DC', 'DPE', 'FI', 'IH', 'NC', 'NFCF', 'NR', 'OM', 'RFCF', 'RL', 'RLSE', 'UAEX', 'UO']);

/** Which upstream a line is about. */
export type UpstreamNaming = (host: string, cluster: string) => string;

export class AccessFields {
  readonly #nameOf: UpstreamNaming;
  #endMs = Number.NaN;
  #beginMs = Number.NaN;
  #status = Number.NaN;
  #upstreamStatus = Number.NaN;
  #reachedNobody = false;
  #isBroken = false;
  #grpc = Number.NaN;
  #flags = '';
  #headMs = Number.NaN;
  #upstreamMs = Number.NaN;
  #totalMs = Number.NaN;
  #host = '';
  #cluster = '';

  constructor(nameOf: UpstreamNaming) {
    this.#nameOf = nameOf;
  }

  reset(): void {
    this.#endMs = this.#beginMs = this.#status = this.#upstreamStatus = this.#grpc = Number.NaN;
    this.#headMs = this.#upstreamMs = this.#totalMs = Number.NaN;
    this.#reachedNobody = this.#isBroken = false;
    this.#flags = this.#host = this.#cluster = '';
  }

  /** A field as it stands in a line. `-` is how both of them write that there is none. */
  set(field: Field, bytes: Buffer, { start: from, end }: { readonly start: number; readonly end: number }): void {
    const start = LISTS.has(field) ? lastOfList(bytes, from, end) : from;
    const isNone = end === start || (end === start + 1 && bytes[start] === DASH);
    switch (field) {
      case 'endClf': this.#endMs = commonLogTime(bytes, start, end); return;
      case 'endIso': this.#endMs = isoTime(bytes, start, end); return;
      case 'beginIso': this.#beginMs = isoTime(bytes, start, end); return;
      case 'flags': this.#flags = isNone ? '' : bytes.toString('latin1', start, end); return;
      case 'host': this.#host = isNone ? '' : bytes.toString('latin1', start, end); return;
      case 'cluster': this.#cluster = isNone ? '' : bytes.toString('latin1', start, end); return;
      case 'upstreamStatus': this.#reachedNobody = isNone; break;
    }
    const value = decimal(bytes, start, end);
    if (!isNone && Number.isNaN(value)) this.#isBroken = true;
    this.#setNumber(field, value);
  }

  #setNumber(field: Field, value: number): void {
    switch (field) {
      case 'endS': this.#endMs = Math.round(value * 1_000); return;
      case 'beginS': this.#beginMs = Math.round(value * 1_000); return;
      case 'beginMs': this.#beginMs = value; return;
      case 'status': this.#status = value; return;
      case 'upstreamStatus': this.#upstreamStatus = value; return;
      case 'grpc': this.#grpc = value; return;
      case 'headMs': this.#headMs = value; return;
      case 'headS': this.#headMs = value * 1_000; return;
      case 'upstreamS': this.#upstreamMs = value * 1_000; return;
      case 'totalMs': this.#totalMs = value; return;
      case 'totalS': this.#totalMs = value * 1_000;
    }
  }

  reading(): Reading {
    const atMs = this.#atMs();
    if (Number.isNaN(atMs)) return "its time can't be read";
    if (this.#isBroken) return 'a number in it is none';
    const result = this.#result();
    if (result === undefined || typeof result === 'string') return result;
    const upstream = this.#nameOf(this.#host, this.#cluster);
    const durationMs = this.#durationMs();
    return Number.isNaN(durationMs) ? { upstream, atMs, reporter: 'access-log', result, count: 1 } : { upstream, atMs, reporter: 'access-log', result, count: 1, durationMs };
  }

  /** When it was over: where a log tells when a call began, its duration later. */
  #atMs(): number {
    if (!Number.isNaN(this.#endMs)) return this.#endMs;
    return Math.round(this.#beginMs + (Number.isNaN(this.#totalMs) ? or(this.#durationMs(), 0) : this.#totalMs));
  }

  /** To the response head, or as near to that as the log tells. */
  #durationMs(): number {
    return or(this.#headMs, or(this.#upstreamMs, this.#totalMs));
  }

  #result(): Result | string | undefined {
    if (this.#flags !== '') {
      for (const flag of this.#flags.split(',')) {
        if (NO_CALL.has(flag)) return undefined;
        const failure = FAILED.get(flag);
        if (failure !== undefined) return { kind: 'failure', failure };
      }
    }
    if (this.#reachedNobody || this.#status === CLIENT_CLOSED || this.#status === 0) return undefined;
    if (this.#grpc >= 0 && this.#grpc <= 16) return { kind: 'grpc', code: this.#grpc };
    const code = or(this.#upstreamStatus, this.#status);
    return code >= 100 && code <= 599 ? STATUSES[code] : `its status can't be read; allowed: 100 to 599`;
  }
}

function or(value: number, otherwise: number): number {
  return Number.isNaN(value) ? otherwise : value;
}
