/** The policies to try: each file is a world of its own, so that two of them may name the same upstream. */
import { readFile } from 'node:fs/promises';
import type { Document, Policy } from '#engine';
import { problemText, readDirectory } from '#wire';
import { Failure } from '../failure.ts';

/** Worlds side by side; each costs its own fold. */
const FILES_MAX = 64;

export interface PolicyFile {
  readonly file: string;
  readonly policies: readonly NamedPolicy[];
}

export interface NamedPolicy {
  /** `metadata.name`; where several of them have the same, with the file. */
  readonly name: string;
  readonly policy: Policy;
  /** In which it stands. */
  readonly document: Document;
}

/** Warnings go to `warn`, a line each. @throws {Failure} telling every problem, as `validate` does. */
export async function readPolicyFiles(files: readonly string[], warn: (line: string) => void): Promise<readonly PolicyFile[]> {
  const unique = [...new Set(files)];
  if (unique.length === 0) throw new Failure('no policy is given; allowed: -f FILE, once or several times', 2);
  if (unique.length > FILES_MAX) throw new Failure(`found ${unique.length} policy files, allowed: at most ${FILES_MAX}`, 2);
  const read = await Promise.all(unique.map(async (file) => ({ file, policies: policiesOf({ file, text: await textOf(file) }, warn) })));
  const all = read.flatMap(({ policies }) => policies.map(({ policy }) => policy.identity.name));
  const isOne = (name: string): boolean => all.indexOf(name) === all.lastIndexOf(name);
  return read.map(({ file, policies }) => ({
    file,
    policies: policies.map(({ policy, document }) => ({ name: isOne(document.name) ? document.name : `${document.name} (${file})`, policy, document })),
  }));
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new Failure(`${file} can't be read: ${(error as Error).message}`);
  }
}

function policiesOf(text: { readonly file: string; readonly text: string }, warn: (line: string) => void): Omit<NamedPolicy, 'name'>[] {
  const [reading] = readDirectory([text]);
  if (reading === undefined) return [];
  if ('problems' in reading) throw new Failure(reading.problems.map(problemText).join('\n'));
  for (const warning of reading.warnings) warn(`warning: ${problemText(warning)}`);
  const policies = reading.documents.flatMap((document) => (document.kind === 'UpstreamTrafficSetting' && document.breaker !== undefined ? [{ policy: document.breaker, document }] : []));
  if (policies.length === 0) throw new Failure(`${text.file}: no document in it has circuitBreaking, so there is nothing to simulate`);
  return policies;
}
