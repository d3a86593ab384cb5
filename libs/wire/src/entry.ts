/**
 * The outcomes log's values (docs/producers.md): outcomes, which anybody writes, and marks, which owners write (C2).
 * Strangers write this topic, so reading never throws: what can't be read, or breaks the table, is a dead entry with
 * a reason for people. Hot path: one JSON.parse, then checks by hand (bench/codec.ts).
 */
import { FAILURES } from '#engine';
import type { Admission, Entry, Failure, Mark, Outcome, Result } from '#engine';
import { isObject, parseBytes, refusal, shown, toBytes, toText } from './json.ts';
import type { JsonObject } from './json.ts';

/** Longest value that is read at all; a longer one is dead. Bounds the nesting too. */
export const ENTRY_BYTES_MAX = 65_536;
/** A DNS name and a port: 253 + 1 + 5. */
export const UPSTREAM_CHARS_MAX = 259;
export const REPORTER_CHARS_MAX = 256;
export const ID_CHARS_MAX = 256;
/** L4. */
export const COUNT_MAX = 1_000_000;
export const TARGET_CHARS_MAX = 1_024;
const HASH_CHARS_MAX = 128;

const TIME = 'milliseconds since 1970, a whole number';
const SAFE_COUNT = 'a whole number from 0 to 2^53 - 1';
const FAILURE_SET: ReadonlySet<unknown> = new Set(FAILURES);
export const OK: Result = Object.freeze({ kind: 'ok' });
/** One object for each status: outcomes are many, results few. */
export const STATUSES: readonly Result[] = Array.from({ length: 600 }, (_, code) => Object.freeze({ kind: 'status', code }));

/** An outcome as its log value. That it obeys the table is the caller's duty: what doesn't is dead where it is read. */
export function encodeOutcome(outcome: Outcome): Uint8Array {
  const { result, admitted } = outcome;
  return toBytes({
    v: 1,
    id: outcome.id,
    upstream: outcome.upstream,
    at: outcome.atMs,
    status: result.kind === 'status' ? result.code : undefined,
    grpcStatus: result.kind === 'grpc' ? result.code : undefined,
    failure: result.kind === 'failure' ? result.failure : undefined,
    ok: result.kind === 'ok' ? true : undefined,
    durationMs: outcome.durationMs,
    count: outcome.count === 1 ? undefined : outcome.count,
    reporter: outcome.reporter,
    incarnation: admitted?.incarnation,
    generation: admitted?.generation,
    target: outcome.target,
    attempt: outcome.attempt,
  });
}

/** A mark as its log value (C2). */
export function encodeMark(mark: Mark): Uint8Array {
  return toBytes({ v: 1, kind: 'mark', control: mark.control, hash: mark.hash });
}

/**
 * L2: an outcome's value with an id. One without gets `id` as its first field; nothing else of what its producer wrote is
 * touched. `value` is one that `decodeEntry` took for an outcome.
 */
export function withId(value: Uint8Array, id: string): Uint8Array {
  const text = toText(value);
  if ((JSON.parse(text) as JsonObject)['id'] !== undefined) return value;
  const behindBrace = text.indexOf('{') + 1;
  return Buffer.from(`${text.slice(0, behindBrace)}"id":${JSON.stringify(id)},${text.slice(behindBrace)}`, 'utf8');
}

/** What stands at an offset. Never throws. The key only routes (L2): it is kept for the dead letter, not read. */
export function decodeEntry(key: Uint8Array | null, value: Uint8Array | null): Entry {
  const read = value === null ? 'the value is null (a tombstone); outcomes are never deleted' : readValue(value);
  return typeof read === 'string' ? { kind: 'dead', reason: read, key, value } : read;
}

/** An entry, or the reason why there is none. */
function readValue(value: Uint8Array): Entry | string {
  const parsed = parseBytes(value, ENTRY_BYTES_MAX);
  if (!parsed.ok) return parsed.reason;
  const record = parsed.value;
  if (!isObject(record)) return refusal('the value', record, 'a JSON object');
  if (record['v'] !== 1) return unknownVersion(record['v']);
  const kind = record['kind'];
  if (kind === undefined || kind === 'outcome') return readOutcome(record);
  return kind === 'mark' ? readMark(record) : refusal('kind', kind, '"mark", or no kind at all for an outcome');
}

function unknownVersion(version: unknown): string {
  return typeof version === 'number' ? `version ${version} is not known here, 1 is` : refusal('v', version, '1');
}

function readMark(record: JsonObject): Entry | string {
  const { control, hash } = record;
  if (!isInteger(control, -1, Number.MAX_SAFE_INTEGER)) return refusal('control', control, 'a whole number from -1');
  if (hash !== '' && !isText(hash, HASH_CHARS_MAX)) {
    return refusal('hash', hash, `a string of at most ${HASH_CHARS_MAX} characters`);
  }
  return { kind: 'mark', mark: { control, hash } };
}

export type MutableOutcome = { -readonly [K in keyof Outcome]: Outcome[K] };

function readOutcome(record: JsonObject): Entry | string {
  const { upstream, at, reporter, id, durationMs, count } = record;
  if (!isText(upstream, UPSTREAM_CHARS_MAX)) return refusedText('upstream', upstream, UPSTREAM_CHARS_MAX);
  if (!isInteger(at, 0, Number.MAX_SAFE_INTEGER)) return refusal('at', at, TIME);
  if (!isText(reporter, REPORTER_CHARS_MAX)) return refusedText('reporter', reporter, REPORTER_CHARS_MAX);
  if (count !== undefined && !isInteger(count, 1, COUNT_MAX)) {
    return refusal('count', count, 'a whole number from 1 to 1,000,000');
  }
  const result = resultOf(record);
  if (typeof result === 'string') return result;
  // L3: names are compared in lower case.
  const outcome: MutableOutcome = { upstream: upstream.toLowerCase(), atMs: at, reporter, result, count: count ?? 1 };
  if (id !== undefined) {
    // An empty id would make repeats of all its reporter's records (K4).
    if (!isText(id, ID_CHARS_MAX)) return refusedText('id', id, ID_CHARS_MAX);
    outcome.id = id;
  }
  if (durationMs !== undefined) {
    if (!isDuration(durationMs)) return refusal('durationMs', durationMs, 'a number from 0 to 2^53 - 1');
    outcome.durationMs = durationMs;
  }
  if (record['incarnation'] !== undefined || record['generation'] !== undefined) {
    const admitted = readAdmission(record);
    if (typeof admitted === 'string') return admitted;
    outcome.admitted = admitted;
  }
  keepUnjudged(record, outcome);
  return { kind: 'outcome', outcome };
}

/** Exactly one of its four fields, or what is wrong with them. */
export function resultOf(record: JsonObject): Result | string {
  const { status, grpcStatus, failure, ok } = record;
  const given =
    (status === undefined ? 0 : 1) + (grpcStatus === undefined ? 0 : 1) + (failure === undefined ? 0 : 1) + (ok === undefined ? 0 : 1);
  if (given !== 1) return notOneResult(record);
  if (status !== undefined) {
    if (!isInteger(status, 100, 599)) return refusal('status', status, 'a whole number from 100 to 599');
    return STATUSES[status] as Result;
  }
  if (grpcStatus !== undefined) {
    if (!isInteger(grpcStatus, 0, 16)) return refusal('grpcStatus', grpcStatus, 'a whole number from 0 to 16');
    return { kind: 'grpc', code: grpcStatus };
  }
  if (failure !== undefined) {
    if (!FAILURE_SET.has(failure)) return refusal('failure', failure, FAILURES.join(', '));
    return { kind: 'failure', failure: failure as Failure };
  }
  return ok === true ? OK : refusal('ok', ok, 'true; say what failed by status, grpcStatus or failure');
}

function notOneResult(record: JsonObject): string {
  const found = ['status', 'grpcStatus', 'failure', 'ok'].filter((field) => record[field] !== undefined);
  const said = found.length === 0 ? 'none of them is there' : `${found.join(' and ')} are there`;
  return `exactly one of status, grpcStatus, failure, ok is required; ${said}`;
}

/** G2: both or none. */
function readAdmission(record: JsonObject): Admission | string {
  const { incarnation, generation } = record;
  if (incarnation === undefined || generation === undefined) {
    const [there, missing] = incarnation === undefined ? ['generation', 'incarnation'] : ['incarnation', 'generation'];
    return `${there} is ${shown(record[there])} but ${missing} is missing; allowed: both or none`;
  }
  if (!isInteger(incarnation, 0, Number.MAX_SAFE_INTEGER)) return refusal('incarnation', incarnation, SAFE_COUNT);
  if (!isInteger(generation, 0, Number.MAX_SAFE_INTEGER)) return refusal('generation', generation, SAFE_COUNT);
  return { incarnation, generation };
}

/** Nobody judges these, so a bad one costs no outcome: it is passed over, and stays in the log as it came. */
function keepUnjudged(record: JsonObject, outcome: MutableOutcome): void {
  const { target, attempt } = record;
  if (target !== undefined && isText(target, TARGET_CHARS_MAX)) outcome.target = target;
  if (attempt !== undefined && isInteger(attempt, 0, Number.MAX_SAFE_INTEGER)) outcome.attempt = attempt;
}

function isText(value: unknown, charsMax: number): value is string {
  return typeof value === 'string' && value.length > 0 && (value.length <= charsMax || fitsInCodePoints(value, charsMax));
}

/** JSON Schema counts code points, of which a string may have half as many as UTF-16 units. */
function fitsInCodePoints(value: string, charsMax: number): boolean {
  return value.length <= 2 * charsMax && Array.from(value).length <= charsMax;
}

function isInteger(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
}

function isDuration(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}

function refusedText(field: string, found: unknown, charsMax: number): string {
  const long = typeof found === 'string' && found.length > charsMax ? ` (${found.length} characters)` : '';
  return `${field} is ${shown(found)}${long}; allowed: a string of 1 to ${charsMax} characters`;
}
