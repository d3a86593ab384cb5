/** The bytes of an Upstream's spec around its host and its targets, as they are where Fuseboard wrote it. */
import { Spelling } from '../interned.ts';
import type { JsonObject } from '../json.ts';
import type { PlainJson } from '../plain-json.ts';

/** Stands for what is an Upstream's own: JSON has no such character. */
const OWN = '\0';
const FOLLOWED = /^[ -~\0]*$/;

export interface UpstreamShape {
  readonly before: Spelling;
  /** From one to the other. Undefined: it has no targets. */
  readonly between: Spelling | undefined;
  readonly after: Spelling;
  readonly areTargetsFirst: boolean;
}

/** What is its own, as written. */
export interface UpstreamOwn {
  readonly host: string;
  readonly targets: readonly string[] | undefined;
}

/** Undefined: it has letters that a scan does not follow. */
export function shapeOf(spec: JsonObject): UpstreamShape | undefined {
  const fields = Object.keys(spec).filter((field) => spec[field] !== undefined);
  const text = `{${fields.map((field) => fieldText(field, spec[field])).join(',')}}`;
  const [before, between, after] = text.split(OWN).map((around) => new Spelling(around));
  if (before === undefined || between === undefined || !FOLLOWED.test(text)) return undefined;
  if (after === undefined) return { before, between: undefined, after: between, areTargetsFirst: false };
  return { before, between, after, areTargetsFirst: fields.indexOf('targets') < fields.indexOf('host') };
}

function fieldText(field: string, value: unknown): string {
  if (field === 'host') return `"host":"${OWN}"`;
  return field === 'targets' ? `"targets":[${OWN}` : JSON.stringify({ [field]: value }).slice(1, -1);
}

/** Over a spec of this shape. */
export function scanOwn(json: PlainJson, { before, between, after, areTargetsFirst }: UpstreamShape): UpstreamOwn {
  json.pass(before);
  const first = areTargetsFirst ? json.texts() : undefined;
  if (first !== undefined && between !== undefined) json.pass(between);
  const host = json.text();
  if (first === undefined && between !== undefined) json.pass(between);
  const targets = first ?? (between && json.texts());
  json.pass(after);
  return { host, targets };
}
