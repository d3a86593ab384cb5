/**
 * The usual record of a large control log, read from its bytes as `encodeControl` writes them: a policy is applied whose
 * spec, but for its host, was read before, or such an Upstream, but for host and targets. It gives exactly what the reader of JSON gives for the same bytes, or nothing, and
 * then they are that one's to read: what is allowed, and how a refusal is worded, stands there alone, and
 * control-scan.spec.ts holds the two together. Every start reads the log from its first record on.
 */
import type { ControlChange, ControlRecord, TrafficSetting } from '#engine';
import { likeOf, plainOf, readLike, type Like } from './documents/alike.ts';
import { scanUpstream } from './documents/alike-upstream.ts';
import type { Written } from './fields.ts';
import { Spelling } from './interned.ts';
import { PlainJson, type Around } from './plain-json.ts';

const API_VERSION = 'policy.openservicemesh.io/v1alpha1';
const KIND = 'UpstreamTrafficSetting';

const AUTHOR = new Spelling('{"v":1,"kind":"apply","author":"');
const REASON = new Spelling('","reason":"');
const BY_API = new Spelling('","source":"api');
const BY_DIRECTORY = new Spelling('","source":"directory');
const POLICY = new Spelling(`","document":{"kind":"${KIND}","namespace":"`);
const UPSTREAM = new Spelling('","document":{"kind":"Upstream","namespace":"');
const NAME = new Spelling('","name":"');
const VERSION = new Spelling('","version":"');
const BODY = new Spelling('","body":');
const POLICY_BODY = new Spelling(`{"apiVersion":"${API_VERSION}","kind":"${KIND}","metadata":{"name":"`);
const NAMESPACE = new Spelling('","namespace":"');
const SPEC = new Spelling('"},"spec":');
const HOST = new Spelling('"host":"');
const REPLACES = new Spelling(',"replaces":"');
const QUOTE = new Spelling('"');
const WRITTEN = new Spelling(',"written":"');
const END = new Spelling('}');

/** Specs that are remembered; those that fall into one slot take turns in it. A power of two. */
const SPECS_MAX = 1_024;

/** What was read of a spec that has these bytes around its host. */
interface Known {
  readonly before: Spelling;
  readonly after: Spelling;
  readonly like: Like;
}

interface Names {
  readonly name: string;
  readonly namespace: string;
}

const json = new PlainJson();
const specs: (Known | undefined)[] = Array.from({ length: SPECS_MAX });
let lastSpec: Known | undefined;
/** What mostly comes again. */
const last = { author: new Spelling(''), reason: new Spelling(''), namespace: new Spelling('') };

/** Undefined: these bytes are for the reader of JSON. */
export function scanApplied(bytes: Uint8Array): Pick<ControlRecord, 'author' | 'reason' | 'source' | 'change'> | undefined {
  json.begin(bytes);
  json.pass(AUTHOR);
  last.author = json.textLike(last.author);
  json.pass(REASON);
  last.reason = json.textLike(last.reason);
  const isByApi = json.skips(BY_API);
  if (!isByApi) json.pass(BY_DIRECTORY);
  const change = scanChange();
  return change && { author: last.author.text, reason: last.reason.text, source: isByApi ? 'api' : 'directory', change };
}

function scanChange(): ControlChange | undefined {
  const isPolicy = json.skips(POLICY);
  if (!isPolicy) json.pass(UPSTREAM);
  const namespace = (last.namespace = json.textLike(last.namespace)).text;
  json.pass(NAME);
  const name = json.text();
  json.pass(VERSION);
  json.passText();
  json.pass(BODY);
  const document = isPolicy ? scanPolicy() : scanUpstream(json);
  json.pass(END);
  const replaces = json.skips(REPLACES) ? json.text() : undefined;
  if (replaces !== undefined) json.pass(QUOTE);
  const written = json.skips(WRITTEN) ? json.escapedText() : undefined;
  if (written !== undefined) json.pass(QUOTE);
  json.pass(END);
  if (!json.isRead || document?.name !== name || document.namespace !== namespace) return undefined;
  const change: Written<Extract<ControlChange, { kind: 'apply' }>> = { kind: 'apply', document };
  if (replaces !== undefined) change.replaces = replaces;
  if (written !== undefined) change.written = written;
  return change;
}

/** Over a policy's body. Undefined: none like it was read before, or it must be read whole. */
function scanPolicy(): TrafficSetting | undefined {
  json.pass(POLICY_BODY);
  const name = json.text();
  json.pass(NAMESPACE);
  const names = { name, namespace: (last.namespace = json.textLike(last.namespace)).text };
  json.pass(SPEC);
  const spec = scanSpec(names);
  json.pass(END);
  return spec && (readLike(spec.known.like, { ...names, host: spec.host }) as TrafficSetting | undefined);
}

/** Over a spec. Undefined: none like it was read before. */
function scanSpec(names: Names): { readonly known: Known; readonly host: string } | undefined {
  const likely = lastSpec && json.textBetween(lastSpec.before, lastSpec.after);
  if (likely !== undefined) return { known: lastSpec as Known, host: likely };
  const around = json.objectAround(HOST);
  if (around === undefined) return undefined;
  const slot = around.hash & (SPECS_MAX - 1);
  const found = specs[slot];
  const isIt = found !== undefined && json.spells(found.before, around.from, around.textFrom) && json.spells(found.after, around.textTo, around.to);
  const known = isIt ? found : knownAs(around, names);
  if (known === undefined) return undefined;
  specs[slot] = lastSpec = known;
  return { known, host: around.text };
}

/** Undefined: none like it was read before. */
function knownAs({ from, textFrom, textTo, to }: Around, metadata: Names): Known | undefined {
  try {
    const plain = plainOf({ apiVersion: API_VERSION, kind: KIND, metadata, spec: JSON.parse(json.slice(from, to)) as unknown });
    const like = plain && likeOf(plain);
    return like && { before: new Spelling(json.slice(from, textFrom)), after: new Spelling(json.slice(textTo, to)), like };
  } catch {
    return undefined;
  }
}
