/** The processes of the fleet, as `/api/v1/fleet/events` and the event `fleet` have them. */
import type { FleetSummary, HitTuple, Owners } from '../../../src/shared/fleet.ts';

export interface FleetNow {
  /** How long ago the console read them; absent: it never could. */
  readonly age_ms?: number;
  /** Why it can't now. */
  readonly problem?: string;
  readonly summary: FleetSummary;
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

/** Of an upstream. */
export interface Hit {
  readonly calls: HitTuple[1];
  readonly proxies: HitTuple[2];
  readonly most: HitTuple[3];
}
