/**
 * Files of documents. A file is used whole or not at all, every problem is listed with its place, and no two documents
 * may claim the same thing: a key, the policy of an upstream, an upstream's host and port, a listener.
 */
import { documentKey } from '#engine';
import type { Document } from '#engine';
import { isObject, shorten } from '../json.ts';
import { readAt } from './document.ts';
import { pairWarnings } from './pairing.ts';
import { pathText } from './place.ts';
import type { Note, Path } from './place.ts';
import { parseYaml } from './yaml-source.ts';
import type { YamlSource } from './yaml-source.ts';

/** Why a file is not used. */
export interface Problem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** `UpstreamTrafficSetting shop/api`, as far as it could be read; empty where the file itself is at fault. */
  readonly document: string;
  /** `spec.connectionSettings.http.circuitBreaking.statTimeWindow`; empty: the document as a whole. */
  readonly path: string;
  /** What was found and what is allowed. */
  readonly message: string;
}

/** Something that is used, but maybe not as its author thinks. */
export type Warning = Problem;

export interface DocumentText {
  /** Name in messages; also the order in which files are taken. */
  readonly file: string;
  readonly text: string;
}

export type FileReading =
  | { readonly file: string; readonly documents: readonly Document[]; readonly warnings: readonly Warning[] }
  | { readonly file: string; readonly problems: readonly Problem[] };

/** The documents of one YAML (or JSON) text; never throws. */
export function readDocuments(
  text: string,
  file: string,
): { readonly documents: readonly Document[]; readonly warnings: readonly Warning[] } | { readonly problems: readonly Problem[] } {
  const [reading] = readDirectory([{ file, text }]);
  if (reading === undefined) throw new Error('one file gives one reading');
  return reading;
}

/**
 * Several files, in the order of their names. The documents of the good ones never clash; of two files with documents
 * that do, the later is refused whole, and its problem names both places. Never throws.
 */
export function readDirectory(files: readonly DocumentText[]): readonly FileReading[] {
  const claims = new Map<string, PlacedDocument>();
  const readings = files.toSorted((a, b) => (a.file < b.file ? -1 : 1)).map((file) => readFile(file, claims));
  return withPairWarnings(readings, new Map([...claims.values()].map((placed) => [placed.document, placed])));
}

/** What a document says to no effect may be seen only beside another one, in whatever file. */
function withPairWarnings(readings: readonly FileReading[], placed: ReadonlyMap<Document, PlacedDocument>): readonly FileReading[] {
  const warnings = pairWarnings([...placed.keys()]).map(({ document, note }) => told(placed.get(document) as PlacedDocument, note));
  if (warnings.length === 0) return readings;
  return readings.map((reading) =>
    'problems' in reading ? reading : { ...reading, warnings: [...reading.warnings, ...warnings.filter(({ file }) => file === reading.file)] },
  );
}

/** `shop.yaml:12:9: UpstreamTrafficSetting shop/api: spec.host: …`. */
export function problemText({ file, line, column, document, path, message }: Problem): string {
  return [`${file}:${line}:${column}`, document, path, message].filter((part) => part !== '').join(': ');
}

interface Placed {
  readonly label: string;
  place(path: Path): { readonly file: string; readonly line: number; readonly column: number };
}

interface PlacedDocument extends Placed {
  readonly document: Document;
}

function told(placed: Placed, { path, message }: Note): Problem {
  return { ...placed.place(path), document: placed.label, path: pathText(path), message };
}

/** Adds what the file claims, if it is good. */
function readFile({ file, text }: DocumentText, claims: Map<string, PlacedDocument>): FileReading {
  const parsed = parseYaml(text);
  if ('problems' in parsed) {
    return { file, problems: parsed.problems.map((note) => ({ ...note, file, document: '', path: pathText(note.path) })) };
  }
  const problems: Problem[] = [];
  const warnings: Warning[] = [];
  const placed: PlacedDocument[] = [];
  for (const { value, path, source } of parsed.sources.flatMap(documentsOf)) {
    const label = labelOf(value);
    const place = (field: Path) => ({ file, ...source.locate([...path, ...field]) });
    const inside = (note: Note) => told({ label, place }, { ...note, path: note.path.slice(path.length) });
    const reading = readAt(value, path);
    if ('problems' in reading) problems.push(...reading.problems.map(inside));
    else {
      placed.push({ document: reading.document, label, place });
      warnings.push(...reading.warnings.map(inside));
    }
  }
  const ours = new Map(claims);
  problems.push(...placed.flatMap((one) => claim(one, ours)));
  if (problems.length > 0) return { file, problems: problems.toSorted((a, b) => a.line - b.line || a.column - b.column) };
  for (const [what, holder] of ours) claims.set(what, holder);
  return { file, documents: placed.map((one) => one.document), warnings };
}

/** A `kind: List` is what `kubectl get -o yaml` makes of several; a text without content is none. */
function documentsOf(source: YamlSource): readonly { value: unknown; path: Path; source: YamlSource }[] {
  const { value } = source;
  if (value === null || value === undefined) return [];
  if (isObject(value) && value['kind'] === 'List' && Array.isArray(value['items'])) {
    return value['items'].map((item: unknown, i) => ({ value: item, path: ['items', i], source }));
  }
  return [{ value, path: [], source }];
}

function labelOf(value: unknown): string {
  if (!isObject(value)) return '';
  const metadata = isObject(value['metadata']) ? value['metadata'] : {};
  const name = `${textOr(metadata['namespace'], 'default')}/${textOr(metadata['name'], '(no name)')}`;
  return `${textOr(value['kind'], '(no kind)')} ${name}`;
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? shorten(value, 64) : otherwise;
}

/** Problems with what others have claimed already; else the claims are added. */
function claim(placed: PlacedDocument, claims: Map<string, PlacedDocument>): readonly Problem[] {
  return claimsOf(placed.document).flatMap(({ what, path }) => {
    const holder = claims.get(what);
    if (holder === undefined) {
      claims.set(what, placed);
      return [];
    }
    const { file, line, column } = holder.place(path);
    return [told(placed, { path, message: `${what} is claimed already by ${holder.label} (${file}:${line}:${column})` })];
  });
}

function claimsOf(document: Document): readonly { readonly what: string; readonly path: Path }[] {
  const key = { what: `the document ${documentKey(document)}`, path: ['metadata', 'name'] };
  if (document.kind === 'UpstreamTrafficSetting') return [key, { what: `the policy of ${document.upstream}`, path: ['spec', 'host'] }];
  const { host, port, listen } = document;
  const named = [key, { what: `the upstream ${host}:${port}`, path: ['spec', 'host'] }];
  return listen === undefined || listen.endsWith(':0') ? named : [...named, { what: `the listener ${listen}`, path: ['spec', 'listen'] }];
}
