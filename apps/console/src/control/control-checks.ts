/** What is asked of the control log, checked before anything is done: each gives the value, or a refusal that names the field. */
import type { Document } from '#engine';
import { problemsOf, readOne } from './one-document.ts';
import { invalid, type Refusal } from '../breaker-queries.ts';

const AUTHOR_CHARS_MAX = 200;
const REASON_CHARS_MAX = 1_000;
/** A year. */
export const OVERRIDE_MAX_MS = 8_760 * 3_600_000;
const WAIT_MAX_MS = 60_000;
const VERSION = /^[0-9a-f]{12}$/;

export interface By {
  readonly author: string;
  readonly reason: string;
}

/** Trimmed. */
export function checkedBy({ author, reason }: By): By | Refusal {
  const fields = [['author', author, AUTHOR_CHARS_MAX], ['reason', reason, REASON_CHARS_MAX]] as const;
  for (const [field, text, charsMax] of fields) {
    if (text.trim() === '') return invalid(field, 'nothing', `${field === 'author' ? 'who does it' : 'why'}, 1 to ${charsMax} characters`);
    // oxlint-disable-next-line no-control-regex
    if (text.length > charsMax || /[\u0000-\u001f\u007f]/.test(text)) return invalid(field, `${text.length} characters, or one that can't be printed`, `1 to ${charsMax} characters in one line`);
  }
  return { author: author.trim(), reason: reason.trim() };
}

/** `replaces` as the record has it. @param version as asked: '' is whatever there is, `none` that there must be none */
export function checkedReplaced(version: string): { readonly replaces?: string } | Refusal {
  if (version === '') return {};
  if (version === 'none') return { replaces: '' };
  return VERSION.test(version) ? { replaces: version } : invalid('replaces_version', JSON.stringify(version.slice(0, 40)), 'a version of 12 hex digits, none, or nothing for whatever there is');
}

/** @param durationMs undefined: until cleared */
export function checkedDuration(durationMs: number | undefined): { readonly durationMs?: number } | Refusal {
  if (durationMs === undefined) return {};
  if (Number.isInteger(durationMs) && durationMs >= 1 && durationMs <= OVERRIDE_MAX_MS) return { durationMs };
  return invalid('duration', `${durationMs} ms`, 'whole milliseconds from 1 ms to 8,760 h, or nothing for "until cleared"');
}

/** @param waitMs undefined: not at all */
export function checkedWait(waitMs: number | undefined = 0): { readonly waitMs: number } | Refusal {
  return waitMs >= 0 && waitMs <= WAIT_MAX_MS ? { waitMs } : invalid('wait', `${waitMs} ms`, '0 to 60 s');
}

export interface Written {
  readonly document: Document;
  readonly written: string;
  /** Each with its field's path. */
  readonly warnings: readonly string[];
}

export function checkedDocument(text: string): Written | Refusal {
  const reading = readOne(text);
  return 'problems' in reading ? { refused: 'invalid', message: problemsOf(reading.problems) } : { ...reading, written: text };
}
