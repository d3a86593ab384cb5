/** How the console tells the page of the fleet: what both must say alike. */

export interface FleetSummary {
  readonly ingests: number;
  readonly proxies: number;
  readonly consoles: number;
  readonly silent: number;
  readonly unready: number;
  /** Partitions that no ingest that was heard of folds; empty where none at all has been heard of, as of an older version. */
  readonly unowned: readonly number[];
  /** What the query found. */
  readonly found: number;
}

/** Who folds a partition, of those that were heard of; absent: nobody. */
export interface Owners {
  readonly partition: number;
  readonly ingest?: string;
  readonly standby?: string;
}

/** Calls refused for an upstream's state in the last minute: in all, at how many proxies, and at which most. */
export type HitTuple = readonly [upstream: string, calls: number, proxies: number, most: readonly (readonly [proxy: string, calls: number])[]];
