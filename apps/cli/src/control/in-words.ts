/** What was done, for people. */
import { timeText } from '../shown.ts';
import type { AppliedMessage, DoneMessage, FieldChangeMessage, KeyMessage } from './control-client.ts';

export function nameOf({ kind, namespace, name }: KeyMessage): string {
  return `${kind} ${namespace}/${name}`;
}

export function fieldText({ path, before, after }: FieldChangeMessage): string {
  return `${path}: ${before === '' ? '(absent)' : before} → ${after === '' ? '(absent)' : after}`;
}

/** `(control 12), in force at …`. */
export function doneText({ control_offset: offset, in_force_at: at }: DoneMessage): string {
  return `(control ${offset})${at ? `, in force at ${timeText(at)}` : ''}`;
}

/** As the console's JSON has it: times as RFC 3339, what isn't there left out. */
export function doneJson({ in_force_at: at, ...answer }: DoneMessage): object {
  return { ...answer, ...(at && { in_force_at: timeText(at) }) };
}

/** What is asked to wait and didn't see it in force. */
export function notInForce(waitMs: number): string {
  return `it is in the control log, and not in force after ${waitMs / 1_000} s: is an ingest running? It comes into force by itself (fuseboard get shows it)`;
}

export function appliedText(answer: AppliedMessage, isDryRun: boolean): string {
  const { key, version, plan } = answer;
  const did = plan.change === 'none' ? 'unchanged' : isDryRun ? `would be ${plan.change === 'create' ? 'created' : 'changed'}` : plan.change === 'create' ? 'created' : 'changed';
  const before = plan.change === 'change' ? `${plan.version_before} → ` : '';
  const window = plan.change === 'change' && plan.window !== 'none' ? [plan.window === 'kept' ? 'the window is kept' : 'the window begins anew'] : [];
  const lines = [
    `${nameOf(key)}: ${did}, version ${before}${version}${isDryRun ? '' : ` ${doneText(answer)}`}`,
    ...(plan.change === 'change' ? plan.fields.map(fieldText) : []),
    ...window,
    ...plan.effects,
    ...plan.trip_rates,
  ];
  return `${lines.join('\n    ')}\n`;
}
