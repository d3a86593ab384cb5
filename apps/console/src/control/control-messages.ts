/** Answers about control as the messages of control.proto; the console's JSON has the same fields, times as RFC 3339. */
import type { DocumentKey } from '#engine';
import { timestampMessage } from '#wire';
import type { AppliedAnswer, Done } from './control-actions.ts';
import { aboutOf, type Applied, type Said } from './control-book.ts';
import { documentText } from './document-text.ts';
import { changesBetween } from './field-changes.ts';

/** How a surface writes times, ms since 1970. */
export type TimeForm = (ms: number) => unknown;

export const asTimestamp: TimeForm = timestampMessage;
export const asRfc3339: TimeForm = (ms) => new Date(ms).toISOString();

export function doneMessage({ controlOffset, inForceAtMs }: Done, time: TimeForm): object {
  return { control_offset: controlOffset, ...(inForceAtMs !== undefined && { in_force_at: time(inForceAtMs) }) };
}

export function appliedMessage(answer: AppliedAnswer, time: TimeForm): object {
  const { document, warnings, plan } = answer;
  return {
    key: keyMessage(document),
    version: document.version,
    ...doneMessage(answer, time),
    warnings,
    plan: { change: plan.change, version_before: plan.versionBefore, fields: plan.fields, window: plan.window, effects: plan.effects, trip_rates: plan.tripRates },
  };
}

export function policyMessage(applied: Applied, time: TimeForm): object {
  const { document, record } = applied;
  return {
    key: keyMessage(document),
    version: document.version,
    upstream: aboutOf(document),
    document: documentText(applied),
    source: record.source,
    author: record.author,
    reason: record.reason,
    applied_at: time(record.appendMs),
    control_offset: record.offset,
  };
}

const KINDS = { apply: 'apply', delete: 'delete', clear: 'clear', open: 'force-open', closed: 'force-closed' } as const;

export function entryMessage({ record, upstreams, before, notTaken }: Said, time: TimeForm): object {
  const { change } = record;
  const until = change.kind === 'force' && change.durationMs !== undefined ? record.appendMs + change.durationMs : undefined;
  return {
    control_offset: record.offset,
    at: time(record.appendMs),
    author: record.author,
    reason: record.reason,
    source: record.source,
    kind: change.kind === 'force' ? KINDS[change.to] : KINDS[change.kind as 'apply' | 'delete' | 'clear'],
    ...('document' in change && { key: keyMessage(change.document) }),
    ...(change.kind === 'apply' && { version: change.document.version, fields: changesBetween(before?.body, change.document.body) }),
    ...(before !== undefined && { version_before: before.version }),
    upstreams,
    ...(until !== undefined && { until: time(until) }),
    ...(notTaken !== undefined && { not_taken: notTaken }),
  };
}

function keyMessage({ kind, namespace, name }: DocumentKey): DocumentKey {
  return { kind, namespace, name };
}

