/** The bytes of an Upstream's spec around its host and its targets, as they are where Fuseboard wrote it. */
import { Spelling } from '../interned.ts';
import type { JsonObject } from '../json.ts';
import type { PlainJson } from '../plain-json.ts';
import { isKeptAsWritten } from './host.ts';

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

export interface ScannedOwn extends UpstreamOwn {
  /** Reading would give the same: HOST, and HOST:PORT each. */
  readonly isAsKept: boolean;
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
export function scanOwn(json: PlainJson, { before, between, after, areTargetsFirst }: UpstreamShape): ScannedOwn {
  json.pass(before);
  let targets = areTargetsFirst ? scanTargets(json) : undefined;
  if (areTargetsFirst && between !== undefined) json.pass(between);
  const from = json.at;
  const host = json.text();
  const isHostAsKept = !host.includes(':') && isKeptAsWritten(json.memory, from, json.at);
  if (!areTargetsFirst && between !== undefined) {
    json.pass(between);
    targets = scanTargets(json);
  }
  json.pass(after);
  return { host, targets: targets?.texts, isAsKept: isHostAsKept && targets?.areAsKept !== false };
}

function scanTargets(json: PlainJson): { readonly texts: readonly string[]; readonly areAsKept: boolean } {
  const texts: string[] = [];
  let areAsKept = true;
  json.eachText((from, to) => {
    const text = json.slice(from, to);
    areAsKept &&= text.includes(':') && isKeptAsWritten(json.memory, from, to);
    texts.push(text);
  });
  // What was pushed to has room for more.
  return { texts: texts.slice(), areAsKept };
}
