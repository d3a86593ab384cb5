/** A document's version: a hash of what it says, whatever the fields' order. */
import { hash } from 'node:crypto';
import { isObject, type JsonObject } from '../json.ts';

/** The first of SHA-256 over kind, key, spec and what is not enforced. */
const VERSION_DIGITS = 12;
/** Texts that JSON has as they are. */
export const PLAIN_TEXT = /^[\w .:/-]*$/;

export function versionOf(content: string): string {
  return hash('sha256', content, 'hex').slice(0, VERSION_DIGITS);
}

/** JSON with the fields of every object in order. */
export function canonical(value: unknown): string {
  if (typeof value === 'string' && PLAIN_TEXT.test(value)) return `"${value}"`;
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? 'null';
  let text = '';
  for (const field of Object.keys(value).toSorted()) {
    const inner = value[field];
    if (inner !== undefined) text += `${text === '' ? '' : ','}${canonical(field)}:${canonical(inner)}`;
  }
  return `{${text}}`;
}

/** In order, with their canonical text. */
export function canonicalFields(spec: JsonObject): (readonly [field: string, text: string])[] {
  const fields = Object.keys(spec).filter((field) => spec[field] !== undefined).toSorted();
  return fields.map((field) => [field, `${canonical(field)}:${canonical(spec[field])}`] as const);
}
