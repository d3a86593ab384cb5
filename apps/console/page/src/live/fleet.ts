/** The processes of the fleet, as `/api/v1/fleet/events` and the event `fleet` have them. */

export interface FleetSummary {
  readonly ingests: number;
  readonly proxies: number;
  readonly consoles: number;
  readonly silent: number;
  readonly unready: number;
  readonly unowned: readonly number[];
  readonly found: number;
}

export interface FleetNow {
  /** How long ago the console read them; absent: it never could. */
  readonly age_ms?: number;
  /** Why it can't now. */
  readonly problem?: string;
  readonly summary: FleetSummary;
}

export interface Owners {
  readonly partition: number;
  readonly ingest?: string;
  readonly standby?: string;
}

export interface Processes extends FleetNow {
  readonly owners: readonly Owners[];
  readonly processes: readonly ProcessNow[];
}

export type Counts = Readonly<Record<string, number>>;

export interface ProcessNow {
  readonly instance: string;
  readonly host: string;
  readonly version: string;
  readonly engine: number;
  readonly started_at: string;
  readonly missing: readonly string[];
  readonly age_ms: number;
  readonly silent: boolean;
  readonly ingest?: { readonly group: 'ingest' | 'standby'; readonly partitions: readonly { readonly partition: number; readonly next: number; readonly lag?: number }[]; readonly commits: Counts };
  readonly proxy?: { readonly state_age_ms?: number; readonly judged_alone: number; readonly calls: Counts; readonly refused: readonly { readonly upstream: string; readonly calls: number }[]; readonly waiting: number };
  readonly console?: { readonly watchers: number; readonly readers: number; readonly followers: number };
}

/** Calls refused for an upstream's state in the last minute: in all, at how many proxies, and at which most. */
export interface Hit {
  readonly calls: number;
  readonly proxies: number;
  readonly most: readonly (readonly [proxy: string, calls: number])[];
}

export type HitTuple = readonly [upstream: string, calls: number, proxies: number, most: Hit['most']];
