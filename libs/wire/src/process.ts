/**
 * A process's heartbeat as JSON, for the store and for people, and as the message of fleet.proto. Both have the proto's
 * field names. Whoever sends it is not believed: what is read is bounded, and names are of letters that harm nobody.
 */
import { MISSING_MAX, REFUSED_MAX, type Heartbeat, type MinuteCounts } from '#engine';
import { Fields, UnreadableRecord, given } from './fields.ts';
import { isObject, parseBytes, shorten, toBytes } from './json.ts';
import { timeOfMessage, timestampMessage, type TimestampMessage } from './message.ts';

/** `started_at` as RFC 3339. */
export interface ProcessJson extends ProcessBody {
  readonly started_at: string;
}

/** As @grpc/proto-loader has it: what isn't there may be null. */
export interface ProcessMessage extends ProcessBody {
  readonly started_at: TimestampMessage;
}

interface ProcessBody {
  readonly instance: string;
  readonly host: string;
  readonly version: string;
  readonly engine: number;
  readonly missing: readonly string[];
  readonly ingest?: { readonly group: string; readonly partitions: readonly { readonly partition: number; readonly next: number; readonly lag?: number }[]; readonly commits: MinuteCounts };
  readonly proxy?: { readonly state_age_ms?: number; readonly judged_alone: number; readonly calls: MinuteCounts; readonly refused: readonly { readonly upstream: string; readonly calls: number }[]; readonly waiting: number };
  readonly console?: { readonly watchers: number; readonly readers: number; readonly followers: number };
}

/** Far above any: an ingest with a thousand partitions has 40 kB. */
const BYTES_MAX = 131_072;
const NAME = /^[A-Za-z0-9._-]{1,128}$/;
const NAME_ALLOWED = '1 to 128 of the letters a to z, A to Z, digits and . _ -';
const TEXT_CHARS_MAX = 253;
const COUNTS_MAX = 32;
const COUNT_NAME = /^[A-Za-z-]{1,32}$/;
const PARTITIONS_MAX = 1_000;
const WHAT = 'heartbeat';

export function processJson({ startedMs, ...heartbeat }: Heartbeat): ProcessJson {
  return { ...bodyOf(heartbeat), started_at: new Date(startedMs).toISOString() };
}

export function processMessage({ startedMs, ...heartbeat }: Heartbeat): ProcessMessage {
  return { ...bodyOf(heartbeat), started_at: timestampMessage(startedMs) };
}

function bodyOf({ instance, host, version, engine, missing, ingest, proxy, console }: Omit<Heartbeat, 'startedMs'>): ProcessBody {
  return { instance, host, version, engine, missing, ...given('ingest', ingest), ...given('proxy', proxy && proxyBody(proxy)), ...given('console', console) };
}

function proxyBody({ stateAgeMs, judgedAlone, calls, refused, waiting }: NonNullable<Heartbeat['proxy']>): NonNullable<ProcessBody['proxy']> {
  return { ...given('state_age_ms', stateAgeMs), judged_alone: judgedAlone, calls, refused, waiting };
}

export function encodeHeartbeat(heartbeat: Heartbeat): Uint8Array {
  return toBytes(processJson(heartbeat));
}

/** @throws {UnreadableRecord} */
export function decodeHeartbeat(bytes: Uint8Array): Heartbeat {
  const parsed = parseBytes(bytes, BYTES_MAX);
  if (!parsed.ok) throw new UnreadableRecord(`${WHAT}: ${parsed.reason}`);
  return readHeartbeat(parsed.value);
}

/** @throws {UnreadableRecord} */
export function heartbeatOfMessage(message: ProcessMessage): Heartbeat {
  const { started_at: startedAt } = message;
  const startedMs = startedAt === null ? 0 : timeOfMessage(startedAt);
  return readHeartbeat({ ...message, started_at: Math.abs(startedMs) > TIME_MAX_MS ? '' : new Date(startedMs).toISOString() });
}

/** Beyond it `Date` has no text. */
const TIME_MAX_MS = 8.64e15;

function readHeartbeat(value: unknown): Heartbeat {
  if (!isObject(value)) throw new UnreadableRecord(`${WHAT}: it is no object`);
  const fields = new Fields(WHAT, value);
  const heartbeat = {
    instance: nameIn(fields, 'instance'),
    host: textIn(fields, 'host'),
    version: textIn(fields, 'version'),
    engine: fields.integer('engine'),
    startedMs: fields.time('started_at'),
    missing: listIn(fields, 'missing', MISSING_MAX).map((each) => (typeof each === 'string' ? shorten(each, TEXT_CHARS_MAX) : fields.fail('missing', 'texts'))),
    ...given('ingest', isThere(value['ingest']) ? readIngest(fields.object('ingest')) : undefined),
    ...given('proxy', isThere(value['proxy']) ? readProxy(fields.object('proxy')) : undefined),
    ...given('console', isThere(value['console']) ? readConsole(fields.object('console')) : undefined),
  };
  if (heartbeat.ingest === undefined && heartbeat.proxy === undefined && heartbeat.console === undefined) throw new UnreadableRecord(`${WHAT}: it has no role`);
  return heartbeat;
}

function readIngest(fields: Fields): NonNullable<Heartbeat['ingest']> {
  const partitions = listIn(fields, 'partitions', PARTITIONS_MAX).map((each) => {
    const of = partIn(fields, 'partitions', each);
    return { partition: of.integer('partition'), next: of.integer('next') };
  });
  return { group: fields.oneOf('group', ['ingest', 'standby']), partitions, commits: countsIn(fields, 'commits') };
}

function readProxy(fields: Fields): NonNullable<Heartbeat['proxy']> {
  const age = fields.raw('state_age_ms');
  const refused = listIn(fields, 'refused', REFUSED_MAX).map((each) => {
    const of = partIn(fields, 'refused', each);
    return { upstream: textIn(of, 'upstream'), calls: of.integer('calls') };
  });
  return {
    ...given('stateAgeMs', isThere(age) ? fields.integer('state_age_ms') : undefined),
    judgedAlone: fields.integer('judged_alone'),
    calls: countsIn(fields, 'calls'),
    refused,
    waiting: fields.integer('waiting'),
  };
}

function readConsole(fields: Fields): NonNullable<Heartbeat['console']> {
  return { watchers: fields.integer('watchers'), readers: fields.integer('readers'), followers: fields.integer('followers') };
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function nameIn(fields: Fields, field: string): string {
  const text = fields.text(field);
  return NAME.test(text) ? text : fields.fail(field, NAME_ALLOWED);
}

function textIn(fields: Fields, field: string): string {
  return shorten(fields.text(field), TEXT_CHARS_MAX);
}

/** What is beyond the bound is left out. */
function listIn(fields: Fields, field: string, max: number): readonly unknown[] {
  const value = fields.raw(field);
  return Array.isArray(value) ? value.slice(0, max) : fields.fail(field, 'a list');
}

function partIn(fields: Fields, field: string, value: unknown): Fields {
  return isObject(value) ? new Fields(WHAT, value, `${field}.`) : fields.fail(field, 'a list of objects');
}

function countsIn(fields: Fields, field: string): MinuteCounts {
  const counts = fields.object(field);
  const names = Object.keys(fields.raw(field) as object).slice(0, COUNTS_MAX);
  return Object.fromEntries(names.map((name) => [COUNT_NAME.test(name) ? name : counts.fail(name, 'names of letters and -'), counts.integer(name)]));
}
