/** `fuseboard validate`: reads documents as a start would, and says what is wrong with them, or what they mean. */
import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import type { Document } from '#engine';
import { problemText, readDirectory, tripRates, type FileReading } from '#wire';
import { Failure } from '../failure.ts';

export interface ValidateOptions {
  /** Calls per second of all callers together; says at which error rate each policy trips. */
  readonly rate?: number;
}

/** Problems to standard error, a summary of what is good to standard output. Gives the exit code. */
export async function validate(files: readonly string[], { rate }: ValidateOptions): Promise<0 | 1> {
  const texts = await Promise.all([...new Set(files)].map(async (file) => ({ file, text: await textOf(file) })));
  let refused = 0;
  for (const reading of readDirectory(texts)) refused += show(reading, rate) ? 0 : 1;
  if (refused > 0) process.stderr.write(`${refused} of ${texts.length} ${texts.length === 1 ? 'file' : 'files'} refused\n`);
  return refused > 0 ? 1 : 0;
}

async function textOf(file: string): Promise<string> {
  try {
    return file === '-' ? await readAll(process.stdin) : await readFile(file, 'utf8');
  } catch (error) {
    throw new Failure(`${file} can't be read: ${(error as Error).message}`);
  }
}

function show(reading: FileReading, rate: number | undefined): boolean {
  if ('problems' in reading) {
    for (const problem of reading.problems) process.stderr.write(`${problemText(problem)}\n`);
    return false;
  }
  for (const warning of reading.warnings) process.stderr.write(`warning: ${problemText(warning)}\n`);
  const { file, documents } = reading;
  process.stdout.write(`${file}: OK, ${documents.length} ${documents.length === 1 ? 'document' : 'documents'}\n`);
  for (const document of documents) process.stdout.write(summary(document, rate));
  return true;
}

function summary(document: Document, rate: number | undefined): string {
  const { kind, namespace, name } = document;
  const about = kind === 'Upstream' ? `${document.host}:${document.port}` : document.upstream;
  const lines = [`  ${kind} ${namespace}/${name}: ${about}`];
  if (kind === 'UpstreamTrafficSetting' && rate !== undefined) {
    const rates = document.breaker === undefined ? [] : tripRates(document.breaker, rate);
    lines.push(...(rates.length === 0 ? ['    no condition that trips'] : rates.map(({ text }) => `    ${text}`)));
  }
  return `${lines.join('\n')}\n`;
}
