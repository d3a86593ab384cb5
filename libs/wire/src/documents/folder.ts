/** Which files of a directory are documents, and their texts. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DocumentText } from './file.ts';

const EXTENSIONS = ['.yaml', '.yml', '.json'];
/** Files in one directory, subdirectories included; more stop the reading. */
const FILES_MAX = 10_000;

/** In the order of their names, subdirectories included, without what begins with a dot. @throws Error of the file system */
export async function readTexts(directory: string): Promise<DocumentText[]> {
  const names = (await readdir(directory, { recursive: true })).filter(isDocumentFile).toSorted();
  if (names.length > FILES_MAX) throw new Error(`${directory} has ${names.length} files; allowed: ${FILES_MAX}`);
  return await Promise.all(names.map(async (name) => ({ file: join(directory, name), text: await readFile(join(directory, name), 'utf8') })));
}

function isDocumentFile(name: string): boolean {
  return EXTENSIONS.some((extension) => name.endsWith(extension)) && !name.split('/').some((part) => part.startsWith('.'));
}
