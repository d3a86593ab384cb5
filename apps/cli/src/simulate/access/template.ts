/**
 * Formats of access logs, as those who write them are told them: nginx's `$variable`, Envoy's `%COMMAND%`. A format is
 * made into steps once; a line is then walked through byte by byte, and only the fields that matter are looked at.
 */
import { Failure } from '../../failure.ts';
import type { LineReader } from '../reading.ts';
import { AccessFields, TIMES, type Field, type UpstreamNaming } from './fields.ts';
import { isInList } from './numbers.ts';
import { fieldOf, isListOf, PLACEHOLDER } from './placeholders.ts';

interface Step {
  /** As written, for messages. */
  readonly placeholder: string;
  /** Absent: it doesn't matter. */
  readonly field: Field | undefined;
  readonly isList: boolean;
  /** What stands behind it; empty: the line's end. */
  readonly until: Buffer;
}

export interface Template {
  readonly lead: Buffer;
  readonly steps: readonly Step[];
  /** More may follow at the line's end. */
  readonly isOpen: boolean;
}

/** @throws {Failure} saying what is missing or can't be told apart */
export function parseTemplate(text: string, isOpen = false): Template {
  const found = [...text.matchAll(PLACEHOLDER)];
  const literals = literalsOf(text, found);
  const steps = found.map(([placeholder], index): Step => {
    const field = fieldOf(placeholder);
    const until = Buffer.from(literals[index + 1] ?? '');
    if (until.length === 0 && index + 1 < found.length) throw new Failure(`--format: nothing stands between ${placeholder} and ${found[index + 1]?.[0]}, so they can't be told apart`, 2);
    return { placeholder, field, isList: isListOf(placeholder), until };
  });
  refuseWithout(steps.flatMap(({ field }) => field ?? []), '--format');
  return { lead: Buffer.from(literals[0] ?? ''), steps, isOpen };
}

/** @throws {Failure} */
export function refuseWithout(fields: readonly Field[], where: string): void {
  if (!fields.some((field) => TIMES.has(field))) throw new Failure(`${where}: no time is in it; allowed: $time_local, $time_iso8601, $msec, %START_TIME%`, 2);
  if (!fields.some((field) => field === 'status' || field === 'upstreamStatus' || field === 'grpc')) throw new Failure(`${where}: no status is in it; allowed: $status, %RESPONSE_CODE%`, 2);
}

export function namesUpstream(template: Template): boolean {
  return template.steps.some(({ field }) => field === 'host' || field === 'cluster');
}

function literalsOf(text: string, found: readonly RegExpExecArray[]): string[] {
  let from = 0;
  const literals = found.map((each) => {
    const literal = text.slice(from, each.index);
    from = each.index + each[0].length;
    return literal;
  });
  return [...literals, text.slice(from)];
}

export function templateReader({ lead, steps, isOpen }: Template, nameOf: UpstreamNaming): LineReader {
  const fields = new AccessFields(nameOf);
  const range = { start: 0, end: 0 };
  return (bytes, start, end) => {
    fields.reset();
    if (!isAt(bytes, start, lead)) return 'it is not of the format';
    let at = start + lead.length;
    for (const step of steps) {
      const stop = endOf(step, bytes, { start: at, end });
      if (stop === -1) return `it is not of the format: nothing ends its ${step.placeholder}`;
      if (step.field !== undefined) {
        range.start = at;
        range.end = stop;
        fields.set(step.field, bytes, range);
      }
      at = stop + step.until.length;
    }
    return at === end || isOpen ? fields.reading() : 'it is not of the format: more follows at its end';
  };
}

/** Where the field that begins at `start` ends; -1: nowhere. */
function endOf({ until, isList }: Step, bytes: Buffer, { start, end }: { start: number; end: number }): number {
  if (until.length === 0) return end;
  const first = until[0];
  for (let at = start; at + until.length <= end; at++) {
    if (bytes[at] === first && (until.length === 1 || isAt(bytes, at, until)) && !(isList && isInList(bytes, at))) return at;
  }
  return -1;
}

/** The line's end needs no look: a literal never holds a newline. */
function isAt(bytes: Buffer, at: number, literal: Buffer): boolean {
  for (let i = 0; i < literal.length; i++) if (bytes[at + i] !== literal[i]) return false;
  return true;
}
