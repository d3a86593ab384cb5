/** `fuseboard apply` and `delete`: documents into the control log, and out of force. */
import { Failure } from '../failure.ts';
import type { Connection } from '../connection.ts';
import { withClient, type AppliedMessage, type DoneMessage, type KeyMessage } from '../control/control-client.ts';
import { documentsIn } from '../control/documents-in-files.ts';
import { appliedText, doneJson, doneText, nameOf, notInForce } from '../control/in-words.ts';
import { shownAs, type Output } from '../output.ts';

interface Common {
  readonly author: string;
  /** Absent: said from where it came. */
  readonly reason?: string | undefined;
  /** ms; 0: not at all. */
  readonly waitMs: number;
  readonly output: Output;
}

export interface ApplyCommand extends Common {
  readonly files: readonly string[];
  readonly dryRun: boolean;
  /** '': whatever there is. */
  readonly replaces: string;
}

export interface DeleteCommand extends Common {
  readonly files: readonly string[];
  readonly keys: readonly KeyMessage[];
}

/** In the order of the files; ends at the first that is refused. @throws {Failure} */
export async function apply(connection: Connection, { files, dryRun, replaces, author, reason, waitMs, output }: ApplyCommand): Promise<number> {
  const documents = documentsIn(files);
  if (replaces !== '' && documents.length > 1) throw new Failure(`--replaces is about one document, and there are ${documents.length}`, 2);
  const answers: AppliedMessage[] = [];
  await withClient(connection, async (client) => {
    for (const { file, text } of documents) {
      const request = { document: text, author, reason: reason ?? `applied from ${file}`, replaces_version: replaces, dry_run: dryRun };
      const answer: AppliedMessage = await client.control('ApplyPolicy', request, dryRun ? 0 : waitMs);
      answers.push(answer);
      for (const warning of answer.warnings) process.stderr.write(`warning: ${nameOf(answer.key)}: ${warning}\n`);
      if (output === 'table') process.stdout.write(appliedText(answer, dryRun));
    }
  });
  process.stdout.write(shownAs(output, answers.map(doneJson), () => ''));
  return dryRun ? 0 : sayInForce(answers, waitMs);
}

/** @throws {Failure} */
export async function remove(connection: Connection, { files, keys, author, reason, waitMs, output }: DeleteCommand): Promise<number> {
  const named = [...keys.map((key) => ({ key, why: 'deleted by hand' })), ...(files.length === 0 ? [] : documentsIn(files)).map(({ key, file }) => ({ key, why: `as in ${file}` }))];
  const answers: DoneMessage[] = [];
  await withClient(connection, async (client) => {
    for (const { key: { kind, namespace, name }, why } of named) {
      const key = { kind, namespace, name };
      const answer: DoneMessage = await client.control('DeletePolicy', { key, author, reason: reason ?? why }, waitMs);
      answers.push(answer);
      if (output === 'table') process.stdout.write(`${nameOf(key)}: deleted ${doneText(answer)}\n`);
    }
  });
  process.stdout.write(shownAs(output, answers.map(doneJson), () => ''));
  return sayInForce(answers, waitMs);
}

/** @returns the exit code */
export function sayInForce(answers: readonly DoneMessage[], waitMs: number): number {
  if (waitMs === 0 || answers.every(({ in_force_at: at }) => at)) return 0;
  process.stderr.write(`${notInForce(waitMs)}\n`);
  return 1;
}
