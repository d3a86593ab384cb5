/**
 * Policies of a large fleet differ mostly in name and host alone. What such a spec says beside its host is read once, and
 * what came of it is shared: the reading takes a fifth of the time, and of 100,000 alike there is one of each part.
 */
import type { DocumentKey, TrafficSetting } from '#engine';
import { given } from '../fields.ts';
import { isObject, type JsonObject } from '../json.ts';
import { readUpstreamName, type TrafficSettingSpec } from './traffic-setting.ts';
import { canonicalFields, PLAIN_TEXT, versionOf } from './version.ts';

/** Different specs that are remembered, and the longest of them; those beyond are read like the first one. */
const SPECS_MAX = 1_000;
const SPEC_CHARS_MAX = 8_192;
/** Kubernetes' rules, so that what we accept can go back there. */
export const NAME = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;
export const NAMESPACE = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const KIND = 'UpstreamTrafficSetting';

/** Of a spec, without what names it. */
interface Shared extends Omit<TrafficSettingSpec, 'upstream' | 'breaker'> {
  readonly breaker?: Omit<NonNullable<TrafficSettingSpec['breaker']>, 'upstream'>;
}

/** What was read of a spec without its host. */
interface Reading extends Shared {
  readonly apiVersion: string;
  /** The spec as written. */
  readonly spec: JsonObject;
  /** Its canonical text up to the host, and behind it. */
  readonly before: string;
  readonly after: string;
}

/** By the JSON of a spec without its host. */
const readings = new Map<string, Reading>();

/** A document as a value, if it says no more than what one is made of. */
export interface Plain extends Named {
  readonly host: string;
  /** JSON of the spec without its host. */
  readonly rest: string;
}

/** Undefined: none like it was read before, or it must be read whole. */
export function readAlike(value: unknown): TrafficSetting | undefined {
  const plain = plainOf(value);
  const like = plain && likeOf(plain);
  const setting = like && readLike(like, plain);
  // As fields of its own: whoever spreads it has them all.
  return setting?.whole;
}

/** What policies that are alike have in common. */
export interface Like {
  readonly reading: Reading;
  /** The spec of one of them, in its own order. */
  readonly spec: JsonObject;
}

/** Undefined: none like it was read before. */
export function likeOf({ rest, spec }: Plain): Like | undefined {
  const reading = readings.get(rest);
  return reading && { reading, spec: sharedSpec(spec, reading.spec) };
}

/** Undefined: something of it is not as it must be, or as it mostly is. */
export function readLike(like: Like, own: Pick<Plain, 'name' | 'namespace' | 'host'>): LikeSetting | undefined {
  const { name, namespace, host } = own;
  const upstream = readUpstreamName(host, namespace);
  if (upstream === undefined || !PLAIN_TEXT.test(host) || !NAME.test(name) || !NAMESPACE.test(namespace)) return undefined;
  return new LikeSetting(like, { name, namespace, host, upstream });
}

/** One of many policies that are alike. There are so many that it holds its own alone, and makes the rest when it is asked for. */
export abstract class AlikeSetting {
  readonly #shared: Shared;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  abstract readonly namespace: string;
  abstract readonly name: string;
  abstract readonly upstream: string;
  abstract get version(): string;
  abstract get body(): unknown;

  get kind(): TrafficSetting['kind'] {
    return KIND;
  }

  get limits(): TrafficSetting['limits'] {
    return this.#shared.limits;
  }

  get rateLimits(): TrafficSetting['rateLimits'] {
    return this.#shared.rateLimits;
  }

  get breaker(): TrafficSetting['breaker'] {
    const { breaker } = this.#shared;
    const { name, namespace, version, upstream } = this;
    return breaker && { ...breaker, identity: { name, namespace, version }, upstream };
  }
}

class LikeSetting extends AlikeSetting {
  readonly namespace: string;
  readonly name: string;
  readonly upstream: string;
  readonly #host: string;
  readonly #like: Like;
  #version: string | undefined;

  constructor(like: Like, { name, namespace, upstream, host }: Pick<Plain, 'name' | 'namespace' | 'host'> & { readonly upstream: string }) {
    super(like.reading);
    this.namespace = namespace;
    this.name = name;
    this.upstream = upstream;
    this.#host = host;
    this.#like = like;
  }

  get version(): string {
    const { before, after } = this.#like.reading;
    return (this.#version ??= versionOf(`{"kind":"${KIND}","name":"${this.name}","namespace":"${this.namespace}","spec":{${before}"host":"${this.#host}"${after}}}`));
  }

  get body(): unknown {
    const { reading, spec } = this.#like;
    return { apiVersion: reading.apiVersion, kind: KIND, metadata: { name: this.name, namespace: this.namespace }, spec: { ...spec, host: this.#host } };
  }

  get whole(): TrafficSetting {
    const { kind, namespace, name, version, body, upstream, limits, rateLimits, breaker } = this;
    return { namespace, name, version, body, kind, upstream, limits, ...given('rateLimits', rateLimits), ...given('breaker', breaker) };
  }
}

/** Of a document in which nothing was found to be wrong or odd. */
export function rememberReading({ body, limits, rateLimits, breaker }: TrafficSetting): void {
  const plain = plainOf(body);
  if (plain === undefined || !isWorthKeeping(plain, readings)) return;
  const texts = canonicalFields(plain.spec);
  const { identity: _identity, upstream: _upstream, ...shared } = breaker ?? {};
  readings.set(plain.rest, {
    apiVersion: (body as { apiVersion: string }).apiVersion,
    limits,
    ...given('rateLimits', rateLimits),
    ...given('breaker', breaker && (shared as Omit<typeof breaker, 'identity' | 'upstream'>)),
    spec: plain.spec,
    before: texts.map(([field, text]) => (field < 'host' ? `${text},` : '')).join(''),
    after: texts.map(([field, text]) => (field > 'host' ? `,${text}` : '')).join(''),
  });
}

/** There is room for what was read of such a spec. */
export function isWorthKeeping({ rest }: Pick<Plain, 'rest'>, among: ReadonlyMap<string, unknown>): boolean {
  return among.size < SPECS_MAX && rest.length <= SPEC_CHARS_MAX;
}

/**
 * Undefined: it says more than name, namespace, host and the rest of a spec, or is no policy.
 * `null` is left to the whole reading: JSON has it for what it can't say, too.
 */
export function plainOf(value: unknown): Plain | undefined {
  const named = namedSpec(value, KIND);
  if (named === undefined) return undefined;
  const { host, ...wanted } = named.spec;
  const rest = restOf(named, wanted);
  return typeof host === 'string' && rest !== undefined ? { ...named, host, rest } : undefined;
}

/** A document that says no more. */
export interface Named {
  readonly apiVersion: string;
  readonly name: string;
  readonly namespace: string;
  readonly spec: JsonObject;
}

/** Undefined: it is of another kind, or says more. */
export function namedSpec(value: unknown, kind: DocumentKey['kind']): Named | undefined {
  if (!isObject(value) || value['kind'] !== kind) return undefined;
  const { apiVersion, kind: _kind, metadata, spec, ...others } = value;
  if (!isObject(metadata) || !isObject(spec) || Object.keys(others).length > 0) return undefined;
  const { name, namespace, ...annotations } = metadata;
  if (typeof name !== 'string' || typeof namespace !== 'string' || Object.keys(annotations).length > 0) return undefined;
  return { apiVersion: String(apiVersion), name, namespace, spec };
}

/** @param wanted of the spec, what others may say as well. Undefined: it is not for sure what JSON makes of it. */
export function restOf({ apiVersion }: Pick<Named, 'apiVersion'>, wanted: JsonObject): string | undefined {
  const rest = `${apiVersion} ${JSON.stringify(wanted)}`;
  return rest.includes('null') ? undefined : rest;
}

/** Its fields in its own order, and what is in them of the one that was read. */
function sharedSpec(spec: JsonObject, read: JsonObject): JsonObject {
  const shared: Record<string, unknown> = {};
  for (const field of Object.keys(spec)) shared[field] = field === 'host' ? spec[field] : read[field];
  return shared;
}
