/**
 * The usual snapshot, read from its bytes as `encodeSnapshot` writes them. It gives exactly what the reader of JSON gives
 * for the same bytes, or nothing, and then they are that one's to read: what is allowed, and how a refusal is worded,
 * stands there alone, and snapshot-scan.spec.ts holds the two together. Whoever starts reads one for each upstream.
 */
import type { PolicyIdentity, Snapshot, WindowCounts } from '#engine';
import type { Written } from './fields.ts';
import { Spelling } from './interned.ts';
import { PlainJson } from './plain-json.ts';

const UPSTREAM = new Spelling('{"v":1,"upstream":"');
const CLOSED = new Spelling('","state":"closed","admit":1');
const OPEN = new Spelling('","state":"open","admit":0');
const INCARNATION = new Spelling(',"incarnation":');
const GENERATION = new Spelling(',"generation":');
const NEXT = new Spelling(',"next":');
const SINCE = new Spelling(',"since":"');
const UNTIL = new Spelling('","until":"');
const WINDOW = new Spelling('","window":{');
const NO_COUNTS = new Spelling('"total":0,"errors":0,"slow":0}');
const STARTED_AT = new Spelling('"startedAt":"');
const TOTAL = new Spelling('","total":');
const ERRORS = new Spelling(',"errors":');
const SLOW = new Spelling(',"slow":');
const END = new Spelling('}');
const POLICY = new Spelling(',"policy":{"name":"');
const NAMESPACE = new Spelling('","namespace":"');
const VERSION = new Spelling('","version":"');
const ENFORCED = new Spelling('"}');
const NOT_ENFORCED = new Spelling('","enforced":false}');

const NOTHING_COUNTED: WindowCounts = Object.freeze({ total: 0, errors: 0, slow: 0 });
const json = new PlainJson();
let lastNamespace = new Spelling('');

/** Undefined: these bytes are for the reader of JSON. */
export function scanSnapshot(bytes: Uint8Array): Snapshot | undefined {
  json.begin(bytes);
  const upstream = textBehind(UPSTREAM);
  const isOpen = json.skips(OPEN);
  if (!isOpen) json.pass(CLOSED);
  const incarnation = wholeBehind(INCARNATION);
  const generation = wholeBehind(GENERATION);
  const next = wholeBehind(NEXT);
  const sinceMs = timeBehind(SINCE);
  const untilMs = json.skips(UNTIL) ? json.time() : undefined;
  const window = scanWindow();
  const policy = json.skips(POLICY) ? scanPolicy() : undefined;
  json.pass(END);
  if (!json.isRead) return undefined;
  const snapshot: Written<Snapshot> = { upstream, incarnation, next, generation, state: isOpen ? 'open' : 'closed', admit: isOpen ? 0 : 1, sinceMs, window };
  if (untilMs !== undefined) snapshot.untilMs = untilMs;
  if (policy !== undefined) snapshot.policy = policy;
  return snapshot;
}

/** What `canTrip` says of a quiet snapshot, and where its upstream's name lies. One for all: to be looked at before the next is scanned. */
export interface ScannedQuiet extends Pick<Snapshot, 'incarnation' | 'generation' | 'next'> {
  readonly memory: Uint8Array;
  readonly nameFrom: number;
  readonly nameTo: number;
  readonly canTrip: boolean;
}

const quiet: Written<ScannedQuiet> = { memory: new Uint8Array(0), nameFrom: 0, nameTo: 0, incarnation: 0, generation: 0, next: 0, canTrip: false };

/** The same of one that is closed and has no end (`isQuiet`), with nothing made of it. Undefined: it isn't, or these bytes are for the reader of JSON. */
export function scanQuiet(bytes: Uint8Array): ScannedQuiet | undefined {
  json.begin(bytes);
  json.pass(UPSTREAM);
  quiet.nameFrom = json.at;
  json.passText();
  quiet.nameTo = json.at;
  if (!json.skips(CLOSED)) return undefined;
  quiet.incarnation = wholeBehind(INCARNATION);
  quiet.generation = wholeBehind(GENERATION);
  quiet.next = wholeBehind(NEXT);
  timeBehind(SINCE);
  scanWindow();
  quiet.canTrip = json.skips(POLICY);
  if (quiet.canTrip) passPolicy();
  json.pass(END);
  quiet.memory = json.memory;
  return json.isRead ? quiet : undefined;
}

function scanWindow(): WindowCounts {
  json.pass(WINDOW);
  if (json.skips(NO_COUNTS)) return NOTHING_COUNTED;
  const window = { startedAtMs: timeBehind(STARTED_AT), total: wholeBehind(TOTAL), errors: wholeBehind(ERRORS), slow: wholeBehind(SLOW) };
  json.pass(END);
  return window;
}

function scanPolicy(): PolicyIdentity {
  const name = json.text();
  json.pass(NAMESPACE);
  lastNamespace = json.textLike(lastNamespace);
  const policy: Written<PolicyIdentity> = { name, namespace: lastNamespace.text, version: textBehind(VERSION) };
  if (json.skips(NOT_ENFORCED)) policy.enforced = false;
  else json.pass(ENFORCED);
  return policy;
}

function passPolicy(): void {
  json.passText();
  json.pass(NAMESPACE);
  json.passText();
  json.pass(VERSION);
  json.passText();
  if (!json.skips(NOT_ENFORCED)) json.pass(ENFORCED);
}

function textBehind(spelling: Spelling): string {
  json.pass(spelling);
  return json.text();
}

function wholeBehind(spelling: Spelling): number {
  json.pass(spelling);
  return json.whole();
}

function timeBehind(spelling: Spelling): number {
  json.pass(spelling);
  return json.time();
}
