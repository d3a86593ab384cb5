/** The documents of files, each with the text that is sent: its own, to the byte, so that it comes back as it was written. */
import { readFileSync } from 'node:fs';
import { parseAllDocuments, stringify } from 'yaml';
import type { DocumentKey } from '#engine';
import { problemText, readDirectory, type DocumentText } from '#wire';
import { Failure } from '../failure.ts';

export interface SentDocument {
  readonly file: string;
  readonly text: string;
  readonly key: DocumentKey;
}

/** `-` is standard input. @throws {Failure} listing every problem: nothing is sent where there is one */
export function documentsIn(files: readonly string[]): SentDocument[] {
  const texts = files.map(textOf);
  const readings = readDirectory(texts);
  const problems = readings.flatMap((reading) => ('problems' in reading ? reading.problems : []));
  if (problems.length > 0) throw new Failure(problems.map(problemText).join('\n'));
  const sent = texts.flatMap(({ file, text }) => {
    const reading = readings.find((each) => each.file === file);
    const documents = reading !== undefined && 'documents' in reading ? reading.documents : [];
    const parts = documents.length === 1 && !isList(text) ? [text] : partsOf(text);
    if (parts.length !== documents.length) throw new Error(`assertion: ${file} has ${documents.length} documents in ${parts.length} parts`);
    return documents.map((key, n) => ({ file, text: parts[n] as string, key }));
  });
  if (sent.length === 0) throw new Failure(`${files.join(', ')}: there is no document in it`);
  return sent;
}

function textOf(file: string): DocumentText {
  try {
    return { file: file === '-' ? 'standard input' : file, text: readFileSync(file === '-' ? 0 : file, 'utf8') };
  } catch (error) {
    throw new Failure(`${file} can't be read: ${(error as Error).message}`);
  }
}

function isList(text: string): boolean {
  return valuesIn(text).some(itemsOf);
}

/** A line that begins with --- is always a document's beginning. */
function partsOf(text: string): string[] {
  return text.split(/^---(?:[ \t]*\n|[ \t]+(?=\S)|[ \t]*$)/m).flatMap((part) => {
    const [value] = valuesIn(part);
    if (value === undefined || value === null) return [];
    return itemsOf(value)?.map((item) => stringify(item, { lineWidth: 0 })) ?? [part];
  });
}

function valuesIn(text: string): unknown[] {
  const documents = parseAllDocuments(text, { schema: 'core', merge: true });
  return 'empty' in documents ? [] : documents.map((document): unknown => document.toJS({ maxAliasCount: 100 }));
}

/** Of a `kind: List`. */
function itemsOf(value: unknown): unknown[] | undefined {
  const list = value as { kind?: unknown; items?: unknown } | null;
  return list?.kind === 'List' && Array.isArray(list.items) ? list.items : undefined;
}
