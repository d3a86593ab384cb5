/**
 * Upstreams of a large fleet differ mostly in name, host and targets alone. What such a spec says beside them is read once,
 * as of policies (alike.ts), and what came of it is shared.
 */
import type { UpstreamDocument } from '#engine';
import { given } from '../fields.ts';
import type { JsonObject } from '../json.ts';
import { isWorthKeeping, NAME, NAMESPACE, namedSpec, restOf, sharedSpec, type Named } from './alike.ts';
import { readTarget, readUpstreamHost, type UpstreamSpec } from './upstream.ts';
import { canonical, canonicalFields, versionOf } from './version.ts';

/** So that each is small for sure: one with more is read whole. */
const TARGETS_MAX = 100;
const KIND = 'Upstream' as const;

/** What was read of a spec without host and targets. */
interface Reading {
  readonly apiVersion: string;
  readonly shared: Pick<UpstreamSpec, Exclude<keyof UpstreamSpec, 'kind' | 'host' | 'alias' | 'targets'>>;
  /** The spec as written. */
  readonly spec: JsonObject;
  /** Its canonical text between host and targets, and behind them. */
  readonly between: string;
  readonly after: string;
}

/** By the JSON of a spec without host and targets. */
const readings = new Map<string, Reading>();

interface Plain extends Named {
  readonly host: string;
  readonly targets: readonly string[] | undefined;
  readonly rest: string;
}

/** Undefined: none like it was read before, or it must be read whole. */
export function readAlikeUpstream(value: unknown): UpstreamDocument | undefined {
  const plain = plainOf(value);
  const reading = plain && readings.get(plain.rest);
  return reading && readLike(reading, plain);
}

/** Undefined: something of it is not as it must be. */
function readLike(reading: Reading, plain: Plain): UpstreamDocument | undefined {
  const { name, namespace } = plain;
  const host = readUpstreamHost(plain.host, namespace);
  const targets = plain.targets?.map(readTarget);
  if (host === undefined || targets?.includes(undefined) === true || !NAME.test(name) || !NAMESPACE.test(namespace)) return undefined;
  const { apiVersion, shared, spec } = reading;
  const body = { apiVersion, kind: KIND, metadata: { name, namespace }, spec: sharedSpec(plain.spec, spec) };
  const version = versionOf(contentOf(plain, reading));
  return { namespace, name, version, body, kind: KIND, ...host, ...given('targets', targets as readonly string[] | undefined), ...shared };
}

function contentOf({ name, namespace, host, targets }: Plain, { between, after }: Reading): string {
  const own = targets === undefined ? '' : `,"targets":${canonical(targets)}`;
  return `{"kind":"${KIND}","name":"${name}","namespace":"${namespace}","spec":{"host":${canonical(host)}${between}${own}${after}}}`;
}

/** Of a document in which nothing was found to be wrong or odd. */
export function rememberUpstream({ body, host: _host, alias: _alias, targets: _targets, kind: _kind, namespace: _namespace, name: _name, version: _version, ...shared }: UpstreamDocument): void {
  const plain = plainOf(body);
  // A listener of its own is like no other.
  if (plain === undefined || shared.listen !== undefined || !isWorthKeeping(plain, readings)) return;
  const texts = canonicalFields(plain.spec).filter(([field]) => field !== 'host' && field !== 'targets');
  const textOf = (isIn: (field: string) => boolean): string => texts.map(([field, text]) => (isIn(field) ? `,${text}` : '')).join('');
  const [between, after] = [textOf((field) => field < 'targets'), textOf((field) => field > 'targets')];
  readings.set(plain.rest, { apiVersion: plain.apiVersion, shared, spec: plain.spec, between, after });
}

/** Undefined: it says more than name, namespace, host, targets and the rest of a spec, or is no Upstream. */
function plainOf(value: unknown): Plain | undefined {
  const named = namedSpec(value, KIND);
  if (named === undefined) return undefined;
  const { host, targets, ...wanted } = named.spec;
  if (typeof host !== 'string' || !isFew(targets)) return undefined;
  const rest = restOf(named, wanted);
  return rest === undefined ? undefined : { ...named, host, targets, rest };
}

function isFew(targets: unknown): targets is readonly string[] | undefined {
  if (targets === undefined) return true;
  return Array.isArray(targets) && targets.length > 0 && targets.length <= TARGETS_MAX && targets.every((target) => typeof target === 'string');
}
