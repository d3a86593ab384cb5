/** `fuseboard replay`: what became of an upstream's outcomes in a span, and why. */
import { replay as replaying, Unreplayable, type ReplayLine } from '#audit';
import type { Outcome, Result } from '#engine';
import { Failure } from '../failure.ts';
import { shownInStream, type Output } from '../output.ts';
import { openToRead, type StoreOptions } from '../stores.ts';

export interface ReplayCommand extends StoreOptions {
  readonly upstream: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly output: Output;
}

/** @throws {Failure | StartError} */
export async function replay({ upstream, fromMs, toMs, output, ...stores }: ReplayCommand): Promise<void> {
  if (fromMs >= toMs) throw new Failure('--from is not before --to; allowed: a span', 2);
  const { drivers, audit } = await openToRead(stores);
  const counts = { outcomes: 0, transitions: 0 };
  try {
    if (output === 'table') process.stdout.write(`${cells(HEADING)}\n`);
    for await (const line of replaying(drivers, { ...audit, upstream, fromMs, toMs })) {
      counts[line.kind === 'outcome' ? 'outcomes' : 'transitions']++;
      process.stdout.write(shownInStream(output, asJson(line), () => inText(line)));
    }
    if (output === 'table') process.stdout.write(`${counts.outcomes} outcomes, ${counts.transitions} transitions\n`);
  } catch (error) {
    if (error instanceof Unreplayable) throw new Failure(`${error.message}: nothing can be replayed`);
    throw error;
  } finally {
    await drivers.close();
  }
}

const HEADING = ['TIME', 'OFFSET', 'RESULT', 'TOOK', 'CALLS', 'REPORTER', 'FATE', 'STATE', 'WINDOW'];
const WIDTHS = [24, 8, 10, 8, 6, 16, 18, 10];

function inText(line: ReplayLine): string {
  const time = new Date(line.appendMs).toISOString();
  if (line.kind === 'transition') return `${time}  ${String(line.offset).padEnd(8)}  ${transitionText(line)}`;
  const { offset, outcome, fate, after } = line;
  const took = outcome.durationMs === undefined ? '-' : `${Math.round(outcome.durationMs * 10) / 10} ms`;
  const state = after === undefined ? '-' : `${after.state} ${after.generation}`;
  return cells([time, `${offset}`, resultText(outcome.result), took, `${outcome.count}`, outcome.reporter, fate, state, after === undefined ? '-' : windowText(after.window)]);
}

function transitionText({ transition }: ReplayLine & { kind: 'transition' }): string {
  const { from, to, generation, reason, cause, window, openUntilMs } = transition;
  const until = openUntilMs === undefined ? '' : ` until ${new Date(openUntilMs).toISOString()}`;
  return `== ${from} → ${to}${until} (generation ${generation}): ${reason}; cause: ${causeText(cause)}; window: ${windowText(window)}`;
}

function causeText(cause: (ReplayLine & { kind: 'transition' })['transition']['cause']): string {
  switch (cause.kind) {
    case 'outcome':
      return `outcome ${cause.partition}@${cause.offset}${cause.id === undefined ? '' : ` ${cause.id}`}`;
    case 'deadline':
      return 'its time was over';
    default:
      return `${cause.kind} by ${cause.author}, control record ${cause.controlOffset}`;
  }
}

function windowText({ total, errors, slow }: { total: number; errors: number; slow: number }): string {
  return `${total} calls, ${errors} errors, ${slow} slow`;
}

function resultText(result: Result): string {
  switch (result.kind) {
    case 'status':
      return `${result.code}`;
    case 'grpc':
      return `grpc ${result.code}`;
    case 'failure':
      return result.failure;
    case 'ok':
      return 'ok';
  }
}

/** The last one is as wide as it is. */
function cells(texts: readonly string[]): string {
  return texts.map((text, index) => text.padEnd(WIDTHS[index] ?? 0)).join('  ');
}

/** Times as RFC 3339, as everywhere in this command. */
function asJson(line: ReplayLine): object {
  const time = new Date(line.appendMs).toISOString();
  if (line.kind === 'transition') {
    const { atMs, openUntilMs, ...transition } = line.transition;
    const until = openUntilMs === undefined ? {} : { open_until: new Date(openUntilMs).toISOString() };
    return { kind: 'transition', time, offset: line.offset, ...transition, at: new Date(atMs).toISOString(), ...until };
  }
  const { outcome, fate, after, offset } = line;
  return { kind: 'outcome', time, offset, outcome: shownOutcome(outcome), fate, ...(after && { state: after.state, generation: after.generation, window: after.window }) };
}

function shownOutcome({ atMs, ...outcome }: Outcome): object {
  return { at: new Date(atMs).toISOString(), ...outcome };
}
