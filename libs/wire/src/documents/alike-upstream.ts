/**
 * Upstreams of a large fleet differ mostly in name, host and targets alone. What such a spec says beside them is read once,
 * as of policies (alike.ts), and what came of it is shared.
 */
import type { UpstreamDocument } from '#engine';
import { given } from '../fields.ts';
import { Spelling } from '../interned.ts';
import type { JsonObject } from '../json.ts';
import type { PlainJson } from '../plain-json.ts';
import { isWorthKeeping, NAME, NAMESPACE, namedSpec, restOf, type Named } from './alike.ts';
import { scanOwn, shapeOf, type ScannedOwn, type UpstreamOwn, type UpstreamShape } from './upstream-shape.ts';
import { readTarget, readUpstreamHost, type UpstreamHost, type UpstreamSpec } from './upstream.ts';
import { canonical, canonicalFields, versionOf } from './version.ts';

/** So that each is small for sure: one with more is read whole. */
const TARGETS_MAX = 100;
/** Different specs that are looked for in bytes; one is looked for after the other. */
const SHAPES_MAX = 32;
const KIND = 'Upstream' as const;

const NAME_BEFORE = new Spelling('{"apiVersion":"fuseboard.dev/v1","kind":"Upstream","metadata":{"name":"');
const NAMESPACE_BEFORE = new Spelling('","namespace":"');
const SPEC_BEFORE = new Spelling('"},"spec":');
const END = new Spelling('}');
let lastNamespace = new Spelling('');

type Shared = Pick<UpstreamSpec, Exclude<keyof UpstreamSpec, 'kind' | 'host' | 'alias' | 'targets'>>;

/** What was read of a spec without host and targets. */
interface Reading {
  readonly apiVersion: string;
  readonly shared: Shared;
  /** The spec as written. */
  readonly spec: JsonObject;
  /** Its canonical text between host and targets, and behind them. */
  readonly between: string;
  readonly after: string;
}

/** What is looked for in bytes. */
interface Shaped {
  readonly reading: Reading;
  readonly shape: UpstreamShape;
  readonly fields: readonly string[];
  /** Where host and targets are among them. */
  readonly order: string;
}

/** By the JSON of a spec without host and targets. */
const readings = new Map<string, Reading>();
/** Which was found last comes first. */
const shaped: Shaped[] = [];

type Like = Pick<Shaped, 'reading' | 'fields'>;
type Names = Pick<UpstreamDocument, 'name' | 'namespace'>;

interface Plain extends Named {
  readonly own: UpstreamOwn;
  readonly rest: string;
}

/** Undefined: none like it was read before, or it must be read whole. */
export function readAlikeUpstream(value: unknown): UpstreamDocument | undefined {
  const plain = plainOf(value);
  const reading = plain && readings.get(plain.rest);
  if (plain === undefined || reading === undefined) return undefined;
  const fields = rememberShape(reading, plain.spec);
  const read = readOwn(plain, plain.own);
  // As fields of its own: whoever spreads it has them all.
  return read && new LikeUpstream({ reading, fields }, plain.own, read).whole;
}

/** Over a body as it lies in bytes. Undefined: none like it was read before, or it must be read whole. */
export function scanUpstream(json: PlainJson, Made = LikeUpstream): UpstreamDocument | undefined {
  json.pass(NAME_BEFORE);
  const name = json.text();
  json.pass(NAMESPACE_BEFORE);
  lastNamespace = json.textLike(lastNamespace);
  json.pass(SPEC_BEFORE);
  const found = scanSpec(json);
  json.pass(END);
  const read = found && readOwn({ name, namespace: lastNamespace.text }, found.own);
  return read && (new Made(found.like, found.own, read) as UpstreamDocument);
}

function scanSpec(json: PlainJson): { readonly like: Like; readonly own: ScannedOwn } | undefined {
  for (const [at, like] of shaped.entries()) {
    const own = json.attempt(() => scanOwn(json, like.shape));
    if (own === undefined) continue;
    if (at > 0) shaped.unshift(...shaped.splice(at, 1));
    return { like, own };
  }
  return undefined;
}

type Read = Names & UpstreamHost & Pick<UpstreamOwn, 'targets'>;

/** Undefined: something of it is not as it must be. */
function readOwn({ name, namespace }: Names, own: UpstreamOwn | ScannedOwn): Read | undefined {
  if (!NAME.test(name) || !NAMESPACE.test(namespace) || (own.targets !== undefined && own.targets.length > TARGETS_MAX)) return undefined;
  if ('isAsKept' in own && own.isAsKept) return { name, namespace, host: own.host, targets: own.targets };
  const host = readUpstreamHost(own.host, namespace);
  const targets = own.targets?.map(readTarget);
  if (host === undefined || targets?.includes(undefined) === true) return undefined;
  return { name, namespace, ...host, targets: targets as readonly string[] | undefined };
}

/** One of many that are alike, which holds its own alone, and makes the rest when it is asked for. */
class LikeUpstream {
  readonly namespace: string;
  readonly name: string;
  readonly host: string;
  readonly alias: string | undefined;
  readonly targets: readonly string[] | undefined;
  readonly #like: Like;
  /** As it is written: mostly itself. */
  readonly #written: UpstreamOwn;
  #version: string | undefined;

  constructor(like: Like, written: UpstreamOwn, { name, namespace, host, alias, targets }: Read) {
    this.namespace = namespace;
    this.name = name;
    this.host = host;
    this.alias = alias;
    this.targets = targets;
    this.#like = like;
    this.#written = written.host === host && written.targets === targets ? this : written;
  }

  get kind(): typeof KIND {
    return KIND;
  }

  get version(): string {
    const { host, targets } = this.#written;
    const { between, after } = this.#like.reading;
    const spec = `"host":${canonical(host)}${between}${targets === undefined ? '' : `,"targets":${canonical(targets)}`}${after}`;
    return (this.#version ??= versionOf(`{"kind":"${KIND}","name":"${this.name}","namespace":"${this.namespace}","spec":{${spec}}}`));
  }

  get body(): unknown {
    const { reading, fields } = this.#like;
    const spec: Record<string, unknown> = {};
    for (const field of fields) spec[field] = field === 'host' || field === 'targets' ? this.#written[field] : reading.spec[field];
    return { apiVersion: reading.apiVersion, kind: KIND, metadata: { name: this.name, namespace: this.namespace }, spec };
  }

  get port(): Shared['port'] {
    return this.#like.reading.shared.port;
  }

  get protocol(): Shared['protocol'] {
    return this.#like.reading.shared.protocol;
  }

  get retries(): Shared['retries'] {
    return this.#like.reading.shared.retries;
  }

  get timeouts(): Shared['timeouts'] {
    return this.#like.reading.shared.timeouts;
  }

  get tls(): Shared['tls'] {
    return this.#like.reading.shared.tls;
  }

  get whole(): UpstreamDocument {
    const { namespace, name, version, body, host, alias, targets } = this;
    const own = { host, ...given('alias', alias), ...given('targets', targets) };
    return { namespace, name, version, body, kind: KIND, ...own, ...this.#like.reading.shared };
  }
}

/** Of a pack. */
export class PackedUpstream extends LikeUpstream {
  override get body(): undefined {
    return undefined;
  }
}

/** Of a document in which nothing was found to be wrong or odd. */
export function rememberUpstream({ body, host: _host, alias: _alias, targets: _targets, kind: _kind, namespace: _namespace, name: _name, version: _version, ...shared }: UpstreamDocument): void {
  const plain = plainOf(body);
  // A listener of its own is like no other.
  if (plain === undefined || shared.listen !== undefined || !isWorthKeeping(plain, readings)) return;
  const { apiVersion, spec, rest } = plain;
  const texts = canonicalFields(spec).filter(([field]) => field !== 'host' && field !== 'targets');
  const textOf = (isIn: (field: string) => boolean): string => texts.map(([field, text]) => (isIn(field) ? `,${text}` : '')).join('');
  const reading = { apiVersion, shared, spec, between: textOf((field) => field < 'targets'), after: textOf((field) => field > 'targets') };
  readings.set(rest, reading);
  rememberShape(reading, spec);
}

/** Gives its fields, in order. */
function rememberShape(reading: Reading, spec: JsonObject): readonly string[] {
  const fields = Object.keys(spec);
  const order = `${fields.indexOf('host')} ${fields.indexOf('targets')}`;
  if (shaped.some((each) => each.reading === reading && each.order === order)) return fields;
  const shape = shapeOf(spec);
  if (shape === undefined) return fields;
  shaped.unshift({ reading, shape, fields, order });
  shaped.splice(SHAPES_MAX);
  return fields;
}

/** Undefined: it says more than name, namespace, host, targets and the rest of a spec, or is no Upstream. */
function plainOf(value: unknown): Plain | undefined {
  const named = namedSpec(value, KIND);
  if (named === undefined) return undefined;
  const { host, targets, ...wanted } = named.spec;
  if (typeof host !== 'string' || !areTexts(targets)) return undefined;
  const rest = restOf(named, wanted);
  return rest === undefined ? undefined : { ...named, own: { host, targets }, rest };
}

function areTexts(targets: unknown): targets is readonly string[] | undefined {
  if (targets === undefined) return true;
  return Array.isArray(targets) && targets.length > 0 && targets.every((target) => typeof target === 'string');
}
