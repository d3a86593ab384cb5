/**
 * Which processes there are, for people who look: what each says of itself now and then. A display: nothing is decided by
 * it, and what is lost of it only makes it old (decision 0040).
 */

/** What a process says of itself. It has one part for each of its roles, of which there is at least one. */
export interface Heartbeat {
  readonly instance: string;
  readonly host: string;
  /** Of Fuseboard. */
  readonly version: string;
  /** The newest rules that it can fold by. */
  readonly engine: number;
  /** ms since 1970, by its own clock. */
  readonly startedMs: number;
  /** What it lacks to be ready, `name: reason`; at most MISSING_MAX. */
  readonly missing: readonly string[];
  readonly ingest?: IngestVitals;
  readonly proxy?: ProxyVitals;
  readonly console?: ConsoleVitals;
}

export const PROCESS_ROLES = ['ingest', 'proxy', 'console'] as const;

/** By name, of the last minute; names of a closed list. */
export type MinuteCounts = Readonly<Record<string, number>>;

export interface IngestVitals {
  readonly group: 'ingest' | 'standby';
  /** Those that it folds; `next` is the offset of the first record not folded. */
  readonly partitions: readonly { readonly partition: number; readonly next: number }[];
  /** By what the store answered. */
  readonly commits: MinuteCounts;
}

export interface ProxyVitals {
  /** Of the partition heard of longest ago; absent: not all have come. */
  readonly stateAgeMs?: number;
  /** Partitions whose shared state is unknown or old, so that it judges alone (V4). */
  readonly judgedAlone: number;
  /** By how they were answered. */
  readonly calls: MinuteCounts;
  /** The upstreams for whose state most calls were refused in the last minute; at most REFUSED_MAX. */
  readonly refused: readonly { readonly upstream: string; readonly calls: number }[];
  /** Records of outcomes that wait to be told to the log. */
  readonly waiting: number;
}

export interface ConsoleVitals {
  /** Programs that watch by gRPC, pages and others that read events, proxies that follow. */
  readonly watchers: number;
  readonly readers: number;
  readonly followers: number;
}

export const REFUSED_MAX = 20;
export const MISSING_MAX = 5;

/** A heartbeat, and how long ago it was heard, ms. */
export interface Present {
  readonly heartbeat: Heartbeat;
  readonly ageMs: number;
}

/** A process that has not been heard of for so long is said to be silent, ms: four beats. */
export const SILENT_AFTER_MS = 10_000;
/** After so long it is forgotten, ms. */
export const FORGOTTEN_AFTER_MS = 60_000;

/** Who a process is to the others: two roles of one name are two. */
export function presenceKey({ instance, ...parts }: Heartbeat): string {
  return `${PROCESS_ROLES.filter((role) => parts[role] !== undefined).join('+')} ${instance}`;
}

/** Says that a process is there. */
export interface PresenceTeller {
  /** In place of what each of them said before. */
  beat(beats: readonly Present[]): Promise<void>;
  /** It ends in order: nobody need wonder where it is. */
  leave(heartbeat: Heartbeat): Promise<void>;
}

export interface Presence extends PresenceTeller {
  /** Those heard of in the last FORGOTTEN_AFTER_MS, in any order. */
  list(): Promise<readonly Present[]>;
  /** Drops what is forgotten; to be called each minute or so by somebody. */
  sweep(): Promise<void>;
}
