/**
 * What became of a call, and the other things that a partition of the outcomes log holds. A partition's records, with
 * the control log as dictionary, are the engine's only input (docs/model.md).
 */

/** Why no answer came at all; a closed list. */
export const FAILURES = ['refused', 'reset', 'timeout', 'dns', 'tls', 'bad-response'] as const;
export type Failure = (typeof FAILURES)[number];

/** How a call ended. Exactly one of these. */
export type Result =
  | { readonly kind: 'status'; /** HTTP, 100 to 599. */ readonly code: number }
  | { readonly kind: 'grpc'; /** 0 to 16. */ readonly code: number }
  | { readonly kind: 'failure'; readonly failure: Failure }
  | { readonly kind: 'ok' };

/** The breaker's identity when a call was let through (G2). */
export interface Admission {
  readonly incarnation: number;
  readonly generation: number;
}

export interface Outcome {
  /** L3: host in lower case, `:PORT` only where the policy says so. */
  readonly upstream: string;
  /** When the outcome was known, ms since 1970; of merged calls the oldest's (L4). */
  readonly atMs: number;
  /** Who saw it. */
  readonly reporter: string;
  /** With `reporter`, drops repeats inside the horizon (K4). */
  readonly id?: string;
  readonly result: Result;
  /** Time to the response head, ms; of merged calls the largest. Absent: not slow. */
  readonly durationMs?: number;
  /** How many calls alike this stands for, 1 to 1,000,000 (L4). */
  readonly count: number;
  /** Absent: judged by `atMs` (G2). */
  readonly admitted?: Admission;
  /** Where this try went and which it was; kept in the log for replay, not judged. */
  readonly target?: string;
  readonly attempt?: number;
}

/** C2: "control up to `control` is in force from here", or, with a `control` already taken, "time has passed". */
export interface Mark {
  /** Offset in the control log; -1 while that log is empty. */
  readonly control: number;
  /** Content hash of that control record; empty for -1. */
  readonly hash: string;
}

/**
 * What was found at an offset. `dead` could not be read: it moves the clock and goes to the dead letters. `misrouted`
 * belongs to another partition: it moves the clock and is sent on (L2).
 */
export type Entry =
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  | { readonly kind: 'mark'; readonly mark: Mark }
  | { readonly kind: 'dead'; readonly reason: string; readonly key: Uint8Array | null; readonly value: Uint8Array | null }
  | Misrouted;

/** An outcome in a partition that isn't its upstream's (L2), as its producer wrote it. */
export interface Misrouted {
  readonly kind: 'misrouted';
  readonly upstream: string;
  readonly reporter: string;
  readonly count: number;
  readonly value: Uint8Array;
  /** It was sent on before, so it isn't again. */
  readonly isSentOn: boolean;
}

/** One record of a partition. Offsets grow; gaps are normal. */
export interface LogRecord {
  readonly offset: number;
  /** Append time that the log gave it, ms since 1970 (T1). */
  readonly appendMs: number;
  readonly entry: Entry;
}

const GRPC_ERRORS: ReadonlySet<number> = new Set([2, 4, 13, 14, 15]);

/** O2: a status above 499, a gRPC status that blames the server, or no answer at all. */
export function isError(result: Result): boolean {
  switch (result.kind) {
    case 'status':
      return result.code > 499;
    case 'grpc':
      return GRPC_ERRORS.has(result.code);
    case 'failure':
      return true;
    case 'ok':
      return false;
  }
}
