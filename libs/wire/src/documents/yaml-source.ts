/**
 * YAML to plain values, each with a way back to line and column. Whatever the text is, this ends soon and throws
 * nothing: size, depth and aliases are bounded, a key written twice is a problem, and a text with any YAML error gives
 * no values at all (half-read documents would be worse than none).
 */
import { createRequire } from 'node:module';
import type { Document as YamlDocument, LineCounter, Node as YamlNode, YAMLMap } from 'yaml';
import { shorten } from '../json.ts';
import type { Note, Path } from './place.ts';

export const FILE_BYTES_MAX = 524_288;
const DOCUMENTS_MAX = 10_000;
/** Our deepest field is at 8. */
const DEPTH_MAX = 40;
/** Aliases that one document may resolve to, those inside of anchors counted again. */
const ALIASES_MAX = 100;
const ERRORS_SHOWN_MAX = 20;

let loaded: typeof import('yaml') | undefined;

/** Loaded with the first text: most processes read none, and it would be a twentieth of what they load. */
function yaml(): typeof import('yaml') {
  return (loaded ??= createRequire(import.meta.url)('yaml') as typeof import('yaml'));
}

export interface Position {
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
}

/** One `---` document of a file. */
export interface YamlSource {
  readonly value: unknown;
  /** Where a field stands, or the nearest thing around it that is there. */
  locate(path: Path): Position;
}

export interface PlacedNote extends Note, Position {}

export function parseYaml(text: string): { readonly sources: readonly YamlSource[] } | { readonly problems: readonly PlacedNote[] } {
  const bytes = Buffer.byteLength(text);
  if (bytes > FILE_BYTES_MAX) return broken(`the file has ${bytes} bytes; allowed: at most ${FILE_BYTES_MAX}`);
  const { LineCounter, parseAllDocuments } = yaml();
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    prettyErrors: false,
    schema: 'core',
    stringKeys: true,
    // YAML 1.1's `<<`, which kubectl takes too.
    merge: true,
    // The library's own check takes quadratic time; `structureProblems` has it.
    uniqueKeys: false,
  });
  // Without any document the library gives an object that says so.
  if ('empty' in documents) return { sources: [] };
  if (documents.length > DOCUMENTS_MAX) return broken(`the file has ${documents.length} documents; allowed: at most ${DOCUMENTS_MAX}`);
  const problems = documents.flatMap((document) => syntaxProblems(document, lines));
  if (problems.length > 0) return { problems: problems.slice(0, ERRORS_SHOWN_MAX) };
  return sourcesOf(documents, lines);
}

function broken(message: string): { readonly problems: readonly PlacedNote[] } {
  return { problems: [{ line: 1, column: 1, path: [], message }] };
}

function sourcesOf(
  documents: readonly YamlDocument.Parsed[],
  lines: LineCounter,
): { readonly sources: readonly YamlSource[] } | { readonly problems: readonly PlacedNote[] } {
  const sources: YamlSource[] = [];
  const problems: PlacedNote[] = [];
  for (const document of documents) {
    try {
      const value: unknown = document.toJS({ maxAliasCount: ALIASES_MAX });
      sources.push({ value, locate: (path) => positionAt(lines, offsetOf(document, path)) });
    } catch (error) {
      const message = shorten(error instanceof Error ? error.message : String(error), 200);
      problems.push({ ...positionAt(lines, document.range[0]), path: [], message: `${message}; allowed: at most ${ALIASES_MAX} aliases` });
    }
  }
  return problems.length > 0 ? { problems } : { sources };
}

/** A tag we don't know is a problem too: it says that a value is something that we don't take it for. */
function syntaxProblems(document: YamlDocument.Parsed, lines: LineCounter): readonly PlacedNote[] {
  const found = [...document.errors, ...document.warnings];
  const exhausted = found.find((error) => error.code === 'RESOURCE_EXHAUSTION');
  if (exhausted !== undefined) return [{ ...positionAt(lines, exhausted.pos[0]), path: [], message: tooDeep() }];
  if (found.length === 0) return structureProblems(document, lines);
  const first = found.toSorted((a, b) => a.pos[0] - b.pos[0]).slice(0, ERRORS_SHOWN_MAX);
  return first.map((error) => ({ ...positionAt(lines, error.pos[0]), path: [], message: `no valid YAML: ${shorten(error.message, 200)}` }));
}

function tooDeep(): string {
  return `nested too deeply; allowed: at most ${DEPTH_MAX} levels`;
}

function structureProblems(document: YamlDocument.Parsed, lines: LineCounter): readonly PlacedNote[] {
  const problems: PlacedNote[] = [];
  const visit = (node: unknown, path: Path): void => {
    if (!yaml().isCollection(node) || problems.length >= ERRORS_SHOWN_MAX) return;
    if (path.length >= DEPTH_MAX) {
      problems.push({ ...positionAt(lines, node.range?.[0] ?? 0), path: [], message: tooDeep() });
      return;
    }
    if (yaml().isSeq(node)) node.items.forEach((item, i) => visit(item, [...path, i]));
    if (yaml().isMap(node)) visitMap(node, path);
  };
  const visitMap = (map: YAMLMap, path: Path): void => {
    const seen = new Map<string, number>();
    for (const { key, value } of map.items) {
      const [name, offset] = [keyName(key), offsetOfNode(key)];
      const first = seen.get(name);
      if (first !== undefined) {
        const line = positionAt(lines, first).line;
        problems.push({ ...positionAt(lines, offset), path: [...path, name], message: `written twice; first in line ${line}` });
      }
      seen.set(name, offset);
      visit(value, [...path, name]);
    }
  };
  visit(document.contents, []);
  return problems;
}

function keyName(key: unknown): string {
  return yaml().isScalar(key) ? String(key.value) : String(key);
}

function offsetOfNode(node: unknown): number {
  return (node as YamlNode | null)?.range?.[0] ?? 0;
}

/** A field's key, or a list's item. */
function offsetOf(document: YamlDocument.Parsed, path: Path): number {
  let node: unknown = document.contents;
  let offset = offsetOfNode(node);
  for (const step of path) {
    const inside = yaml().isAlias(node) ? node.resolve(document) : node;
    if (yaml().isSeq(inside) && typeof step === 'number') {
      node = inside.items[step];
      offset = offsetOfNode(node);
    } else {
      const pair = yaml().isMap(inside) ? inside.items.find(({ key }) => keyName(key) === String(step)) : undefined;
      if (pair === undefined) return offset;
      offset = offsetOfNode(pair.key);
      node = pair.value;
    }
  }
  return offset;
}

function positionAt(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}
