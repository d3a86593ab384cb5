/** The YAML file that FUSEBOARD_CONFIG_FILE names: one mapping from setting names to values. */
import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Node } from 'yaml';
import { SETTINGS, type Setting } from './settings.ts';
import { suggest } from './suggest.ts';

/** One setting as written, and where, in words: `proxyListen in fuseboard.yaml:3:1`. */
export interface Written {
  readonly text: string;
  readonly where: string;
  /** Of a secret: the file that it was read from, if it was one. */
  readonly path?: string;
}

export interface ConfigFile {
  /** By setting name, or setting name + `File`. */
  readonly values: ReadonlyMap<string, Written>;
  readonly problems: readonly string[];
}

const FILE_BYTES_MAX = 1_048_576;

/** Loaded where there is such a file. */
function yaml(): typeof import('yaml') {
  return createRequire(import.meta.url)('yaml') as typeof import('yaml');
}

/** Never throws: what is wrong with the file is in `problems`, and then nothing is taken from it. */
export function readConfigFile(path: string): ConfigFile {
  let source: string;
  try {
    if (statSync(path).size > FILE_BYTES_MAX) throw new Error(`it has more than ${FILE_BYTES_MAX} bytes`);
    source = readFileSync(path, 'utf8');
  } catch (error) {
    return refused(`FUSEBOARD_CONFIG_FILE: ${path} can't be read: ${(error as Error).message}`);
  }
  return parseConfigFile(path, source);
}

function refused(...problems: string[]): ConfigFile {
  return { values: new Map(), problems };
}

function parseConfigFile(path: string, source: string): ConfigFile {
  const lines = new (yaml().LineCounter)();
  const document = yaml().parseDocument(source, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  if (document.errors.length > 0) return refused(...document.errors.map((error) => `${at(error.pos[0])}: ${error.message}`));
  if (document.contents === null) return refused();
  if (!yaml().isMap(document.contents)) return refused(`${at(0)}: found no mapping; allowed: lines such as "proxyListen: 127.0.0.1:8080"`);

  const values = new Map<string, Written>();
  const problems: string[] = [];
  for (const { key, value } of document.contents.items) {
    const name = String(yaml().isScalar(key) ? key.value : key);
    const where = `${name} in ${at((key as Node).range?.[0] ?? 0)}`;
    const text = asText(value);
    if (!KEYS.includes(name)) problems.push(unknownKey(name, where));
    else if (text === undefined) problems.push(`${where}: found ${described(value)}, allowed: ${allowedFor(name)}`);
    else values.set(name, { text, where });
  }
  return problems.length > 0 ? refused(...problems) : { values, problems };
}

const KEYS: readonly string[] = Object.entries(SETTINGS).flatMap(([key, of]: [string, Setting<unknown>]) =>
  of.secret ? [key, `${key}File`] : [key],
);

function unknownKey(name: string, where: string): string {
  const meant = suggest(name, KEYS);
  return `${where}: there is no such setting${meant === undefined ? `; allowed: ${KEYS.join(', ')}` : `, did you mean ${meant}?`}`;
}

/** A scalar as text, a list of scalars with commas; null is "not set"; undefined for what is neither. */
function asText(value: unknown): string | undefined {
  if (value === null) return '';
  if (yaml().isScalar(value)) return value.value === null ? '' : (value.source ?? JSON.stringify(value.value));
  if (!yaml().isSeq(value)) return undefined;
  const parts = value.items.map(asText);
  return parts.includes(undefined) ? undefined : parts.join(',');
}

function described(value: unknown): string {
  return yaml().isMap(value) ? 'a mapping' : 'something that is no plain value';
}

function allowedFor(name: string): string {
  return (SETTINGS as Readonly<Record<string, Setting<unknown>>>)[name]?.allowed ?? 'a path';
}
