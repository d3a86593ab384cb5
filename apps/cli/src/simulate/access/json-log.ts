/** Access logs that are JSON, one object a line, its fields at the top. */
import { Failure } from '../../failure.ts';
import type { LineReader } from '../reading.ts';
import { AccessFields, type Field, type UpstreamNaming } from './fields.ts';
import { fieldOf, fieldOfKey, PLACEHOLDER } from './placeholders.ts';
import { refuseWithout } from './template.ts';

/** Which key tells what. */
export type KeyFields = readonly (readonly [key: string, field: Field])[];

/** Of a format written as JSON, `{"code":"%RESPONSE_CODE%", …}`. Undefined: the text is none. @throws {Failure} */
export function keysOfTemplate(text: string): KeyFields | undefined {
  const entries = entriesOf(text);
  if (entries === undefined) return undefined;
  const keys = entries.flatMap(([key, value]): [string, Field][] => {
    const placeholder = typeof value === 'string' ? [...value.matchAll(PLACEHOLDER)] : [];
    const field = placeholder.length === 1 && placeholder[0]?.[0] === value ? fieldOf(value as string) : undefined;
    return field === undefined ? [] : [[key, field]];
  });
  refuseWithout(keys.map(([, field]) => field), '--format');
  return keys;
}

/** Of a log whose keys are called as Envoy's own format has it, or by nginx's variables. Undefined: they aren't. */
export function usualKeys(line: string): KeyFields | undefined {
  const keys = (entriesOf(line) ?? []).flatMap(([key]): [string, Field][] => {
    const field = fieldOfKey(key);
    return field === undefined ? [] : [[key, field]];
  });
  try {
    refuseWithout(keys.map(([, field]) => field), '');
    return keys;
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

export function jsonReader(keys: KeyFields, nameOf: UpstreamNaming): LineReader {
  const fields = new AccessFields(nameOf);
  return (bytes, start, end) => {
    const parsed = parsedObject(bytes.toString('utf8', start, end));
    if (parsed === undefined) return 'it is no JSON object';
    fields.reset();
    for (const [key, field] of keys) {
      const value = parsed[key];
      if (typeof value !== 'string' && typeof value !== 'number') continue;
      const text = Buffer.from(`${value}`);
      fields.set(field, text, { start: 0, end: text.length });
    }
    return fields.reading();
  };
}

function entriesOf(text: string): [string, unknown][] | undefined {
  const parsed = text.startsWith('{') ? parsedObject(text) : undefined;
  return parsed === undefined ? undefined : Object.entries(parsed);
}

function parsedObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
