/** `fuseboard apply` and `delete`: documents into the control log, and out of force. */
import { Failure } from '../failure.ts';
import type { Connection } from '../connection.ts';
import { withClient, type AppliedMessage, type ControlClient, type DoneMessage, type KeyMessage } from '../control/control-client.ts';
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
  const answers = await oneByOne(connection, documents, {
    output,
    ask: async (client, { file, text }) => {
      const request = { document: text, author, reason: reason ?? `applied from ${file}`, replaces_version: replaces, dry_run: dryRun };
      const answer: AppliedMessage = await client.control('ApplyPolicy', request, dryRun ? 0 : waitMs);
      for (const warning of answer.warnings) process.stderr.write(`warning: ${nameOf(answer.key)}: ${warning}\n`);
      return answer;
    },
    text: (answer) => appliedText(answer, dryRun),
  });
  return dryRun ? 0 : sayInForce(answers, waitMs);
}

/** @throws {Failure} */
export async function remove(connection: Connection, { files, keys, author, reason, waitMs, output }: DeleteCommand): Promise<number> {
  const named = [...keys.map((key) => ({ key, why: 'deleted by hand' })), ...(files.length === 0 ? [] : documentsIn(files)).map(({ key, file }) => ({ key, why: `as in ${file}` }))];
  const answers = await oneByOne<(typeof named)[number], DoneMessage>(connection, named, {
    output,
    ask: (client, { key: { kind, namespace, name }, why }) => client.control('DeletePolicy', { key: { kind, namespace, name }, author, reason: reason ?? why }, waitMs),
    text: (answer, { key }) => `${nameOf(key)}: deleted ${doneText(answer)}\n`,
  });
  return sayInForce(answers, waitMs);
}

interface Asking<T, A> {
  readonly ask: (client: ControlClient, each: T) => Promise<A>;
  readonly text: (answer: A, each: T) => string;
  readonly output: Output;
}

/** Up to the first that is refused. What was done before it is shown all the same. @throws {Failure} */
async function oneByOne<T, A extends DoneMessage>(connection: Connection, all: readonly T[], { ask, text, output }: Asking<T, A>): Promise<A[]> {
  const answers: A[] = [];
  try {
    await withClient(connection, async (client) => {
      for (const each of all) {
        const answer = await ask(client, each);
        answers.push(answer);
        if (output === 'table') process.stdout.write(text(answer, each));
      }
    });
  } finally {
    if (answers.length > 0) process.stdout.write(shownAs(output, answers.map(doneJson), () => ''));
  }
  return answers;
}

/** @returns the exit code */
export function sayInForce(answers: readonly DoneMessage[], waitMs: number): number {
  if (waitMs === 0 || answers.every(({ in_force_at: at }) => at)) return 0;
  process.stderr.write(`${notInForce(waitMs)}\n`);
  return 1;
}
