/**
 * JSON between bytes and values, and how a bad value is named to a person. Everything that leaves a process in JSON
 * goes through here, so that bounds on size and on what a message quotes hold everywhere.
 */

/** Longest quotation of a bad value in a reason; whatever a stranger sends must not fill the logs. */
const SHOWN_CHARS_MAX = 48;

export type JsonObject = { readonly [field: string]: unknown };

/** Reads of bytes: a value, or why there is none. */
export type Parsed = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly reason: string };

export function toBytes(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

export function toText(bytes: Uint8Array): string {
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString('utf8');
}

/** Never throws. `bytesMax` bounds what is parsed at all, and with it the depth. */
export function parseBytes(bytes: Uint8Array, bytesMax: number): Parsed {
  if (bytes.byteLength > bytesMax) {
    return { ok: false, reason: `the value has ${bytes.byteLength} bytes; at most ${bytesMax} are allowed` };
  }
  const text = toText(bytes);
  // The decoder puts U+FFFD where bytes are no UTF-8: two names that differ must not become one.
  if (text.includes('\ufffd') && !Buffer.from(text, 'utf8').equals(bytes)) return { ok: false, reason: 'the value is not UTF-8' };
  try {
    return { ok: true, value: JSON.parse(text) as unknown };
  } catch (error) {
    return { ok: false, reason: `the value is not JSON: ${notJson(bytes, error)}` };
  }
}

/** The two wrappings that producers meet most are named; V8's own words serve for the rest. */
function notJson(bytes: Uint8Array, error: unknown): string {
  if (bytes.byteLength === 0) return 'it is empty';
  if (bytes[0] === 0) return 'it starts with a zero byte, as a schema registry serializer writes; send plain JSON';
  if (bytes[0] === 0xef && bytes[1] === 0xbb) return 'it starts with a byte order mark; leave it out';
  return shorten(error instanceof Error ? error.message : String(error), 120);
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value as a message quotes it. */
export function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'string') return JSON.stringify(shorten(value, SHOWN_CHARS_MAX));
  const scalar = value as number | boolean;
  return String(scalar);
}

export function shorten(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : `${text.slice(0, charsMax)}…`;
}

/** "FIELD is FOUND; allowed: WHAT". */
export function refusal(field: string, found: unknown, allowed: string): string {
  return `${field} is ${shown(found)}; allowed: ${allowed}`;
}
