/** `fuseboard history`: what became of an upstream and what was said about it, as one story. */
import type { TransitionMessage } from '#wire';
import { timeOfMessage } from '#wire';
import type { Connection } from '../connection.ts';
import { withClient, type EntryMessage } from '../control/control-client.ts';
import { fieldText, nameOf } from '../control/in-words.ts';
import { shownAs, type Output } from '../output.ts';
import { stateWord, timeText } from '../shown.ts';

export interface HistoryCommand {
  readonly upstream: string;
  /** Newest so many of each kind. */
  readonly limit: number;
  readonly output: Output;
}

/** Oldest first. */
type Event = { readonly atMs: number } & ({ readonly said: EntryMessage } | { readonly transition: TransitionMessage });

/** @throws {Failure} */
export async function history(connection: Connection, { upstream, limit, output }: HistoryCommand): Promise<void> {
  const [told, said] = await withClient(connection, (client) => Promise.all([client.transitions(upstream, limit), client.said(upstream, limit)]));
  const transitions = told.transitions.map((transition) => ({ atMs: timeOfMessage(transition.at), transition }));
  const entries = said.entries.map((entry) => ({ atMs: timeOfMessage(entry.at), said: entry }));
  // Where one of the two goes on further back, the story begins where both are whole.
  const fromMs = Math.max(told.isMore ? (transitions.at(-1)?.atMs ?? 0) : 0, said.isMore ? (entries.at(-1)?.atMs ?? 0) : 0);
  // Each came newest first; of one millisecond, what was said comes before what became of it.
  const events: Event[] = [...entries.toReversed(), ...transitions.toReversed()].filter(({ atMs }) => atMs >= fromMs).toSorted((a, b) => a.atMs - b.atMs);
  process.stdout.write(shownAs(output, events.map(jsonOf), () => events.map((event) => `${lineOf(event)}\n`).join('')));
  if (told.isMore || said.isMore) process.stderr.write(`there is more before ${new Date(fromMs).toISOString()}: --limit\n`);
}

function lineOf(event: Event): string {
  const at = new Date(event.atMs).toISOString();
  return 'said' in event ? `${at}  ${saidText(event.said)}` : `${at}  ${transitionText(event.transition)}`;
}

function saidText(said: EntryMessage): string {
  const { kind, key, version, version_before: before, author, reason, source, until, fields } = said;
  const by = source === 'directory' ? `by a directory, ${reason}` : `by ${author}: ${reason}`;
  const refused = said.not_taken === '' ? '' : `; not taken: ${NOT_TAKEN[said.not_taken] ?? said.not_taken}`;
  const end = `${refused} (control ${said.control_offset})`;
  const name = key === null ? '' : nameOf(key);
  switch (kind) {
    case 'apply':
      return [`policy    ${name} ${before === '' ? 'applied' : 'changed'}, version ${before === '' ? '' : `${before} → `}${version}, ${by}${end}`, ...(before === '' ? [] : fields.map((field) => `                            ${fieldText(field)}`))].join('\n');
    case 'delete':
      return `policy    ${name} deleted ${by}${end}`;
    case 'clear':
      return `override  cleared ${by}${end}`;
    default:
      return `override  ${kind === 'force-open' ? 'forced open' : 'forced closed'} ${until ? `until ${timeText(until)}` : 'until cleared'} ${by}${end}`;
  }
}

const NOT_TAKEN: Readonly<Record<string, string>> = {
  same: 'this version was in force already',
  absent: 'there was none',
  directory: 'a directory owns it',
  version: 'somebody else was first',
  host: 'its host belongs to another document',
};

function transitionText({ from, to, generation, reason, window, cause, policy, open_until: until }: TransitionMessage): string {
  const unenforced = policy?.enforced === false && to === 'STATE_OPEN' && !cause.override ? ', not enforced' : '';
  const evidence = cause.outcome ? `; ${window.total} calls, ${window.errors} errors, ${window.slow} slow` : '';
  const control = cause.override ?? cause.policy;
  const by = control ? ` (control ${control.control_offset} in force)` : '';
  return `breaker   ${stateWord(from)} → ${stateWord(to)}${until ? ` until ${timeText(until)}` : ''}${unenforced} (generation ${generation}): ${reason}${evidence}${by}`;
}

function jsonOf(event: Event): object {
  const at = new Date(event.atMs).toISOString();
  if ('transition' in event) {
    const { from, to, generation, incarnation, reason, window, cause, policy, open_until: until } = event.transition;
    const counts = { total: window.total, errors: window.errors, slow: window.slow };
    const kind = cause.outcome ? 'outcome' : cause.override ? 'override' : cause.policy ? 'policy' : 'deadline';
    const control = cause.override ?? cause.policy;
    return {
      at, event: 'transition', from: stateWord(from), to: stateWord(to), generation, incarnation, reason, window: counts,
      cause: { kind, ...(control && { author: control.author, control_offset: control.control_offset }) },
      ...(policy && { version: policy.version }), ...(until && { open_until: timeText(until) }),
    };
  }
  const { kind, author, reason, source, control_offset: offset, key, version, version_before: before, until, not_taken: why, fields } = event.said;
  return {
    at, event: kind, author, reason, source, control_offset: offset,
    ...(key && { key: { kind: key.kind, namespace: key.namespace, name: key.name } }), ...(version !== '' && { version }), ...(before !== '' && { version_before: before }),
    ...(until && { until: timeText(until) }), ...(why !== '' && { not_taken: why }), ...(fields.length > 0 && { fields }),
  };
}
