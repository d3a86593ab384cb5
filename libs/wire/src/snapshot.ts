/**
 * A snapshot as the stores keep it: JSON that a person can read with `redis-cli hget`, so state and window stand by
 * name and times in ISO 8601. Unknown fields are passed over, so a newer minor version's snapshots can be read;
 * another `v` is refused.
 */
import type { Snapshot, WindowCounts } from '#engine';
import { Fields, given, type Written } from './fields.ts';
import { toBytes } from './json.ts';
import { scanSnapshot } from './snapshot-scan.ts';
import { readPolicyIdentity } from './transition.ts';

/** Times are whole milliseconds (append times and durations are), which ISO 8601 holds without loss. */
export function encodeSnapshot(snapshot: Snapshot): Uint8Array {
  const { window } = snapshot;
  return toBytes({
    v: 1,
    upstream: snapshot.upstream,
    state: snapshot.state,
    admit: snapshot.admit,
    incarnation: snapshot.incarnation,
    generation: snapshot.generation,
    next: snapshot.next,
    since: isoTime(snapshot.sinceMs),
    until: isoTime(snapshot.untilMs),
    window: { startedAt: isoTime(window.startedAtMs), total: window.total, errors: window.errors, slow: window.slow },
    override: snapshot.override,
    policy: snapshot.policy,
  });
}

/** Throws `UnreadableRecord`. */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  return scanSnapshot(bytes) ?? readSnapshot(Fields.of('a snapshot', bytes));
}

/** Throws `UnreadableRecord`. */
export function readSnapshot(fields: Fields): Snapshot {
  const snapshot: Written<Snapshot> = {
    upstream: fields.text('upstream'),
    incarnation: fields.integer('incarnation'),
    next: fields.integer('next'),
    generation: fields.integer('generation'),
    state: fields.oneOf('state', ['closed', 'open']),
    admit: readAdmit(fields),
    sinceMs: fields.time('since'),
    window: readWindow(fields.object('window')),
  };
  if (fields.has('until')) snapshot.untilMs = fields.time('until');
  if (fields.has('override')) snapshot.override = readOverride(fields.object('override'));
  if (fields.has('policy')) snapshot.policy = readPolicyIdentity(fields.object('policy'));
  return snapshot;
}

function readAdmit(fields: Fields): number {
  const admit = fields.number('admit');
  return admit >= 0 && admit <= 1 ? admit : fields.fail('admit', '0 to 1');
}

function readOverride(override: Fields): { author: string; reason: string; controlOffset: number } {
  return { author: override.text('author'), reason: override.text('reason'), controlOffset: override.integer('controlOffset') };
}

function readWindow(window: Fields): WindowCounts {
  return {
    ...given('startedAtMs', window.has('startedAt') ? window.time('startedAt') : undefined),
    total: window.integer('total'),
    errors: window.integer('errors'),
    slow: window.integer('slow'),
  };
}

function isoTime(timeMs: number | undefined): string | undefined {
  if (timeMs === undefined) return undefined;
  const slot = Math.trunc(Math.abs(timeMs)) % TIMES_KNOWN;
  const known = timesKnown[slot];
  if (known?.timeMs === timeMs) return known.text;
  const text = new Date(timeMs).toISOString();
  timesKnown[slot] = { timeMs, text };
  return text;
}

/** A commit's snapshots have few times between them, and a time takes as long to write as all else of a snapshot. */
const TIMES_KNOWN = 256;
const timesKnown: { readonly timeMs: number; readonly text: string }[] = [];
