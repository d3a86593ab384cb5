/**
 * Which processes there are, the silent and the unready first; which partitions nobody folds; and whose callers are
 * refused. Read while somebody asks, at most once a second however many do.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { PROCESS_ROLES, SILENT_AFTER_MS, type Heartbeat, type Present, type Presence } from '#engine';
import type { LogEnds } from '../events/log-ends.ts';
import type { FleetSummary, HitTuple, Owners } from '../shared/fleet.ts';

export interface FleetOptions {
  readonly presence: Pick<Presence, 'list'>;
  readonly ends: LogEnds;
  readonly partitions: number;
  /** Up to which offset each partition is committed, of those that are known. */
  readonly committed: () => ReadonlyMap<number, number>;
  /** Never set back, ms. */
  readonly monotonicMs: () => number;
}

export interface FleetQuery {
  readonly limit: number;
  /** Words that must all be in its name, host, version or roles. */
  readonly search: string;
}

export interface FleetList {
  readonly processes: readonly FleetProcess[];
  readonly summary: FleetSummary;
  /** Of all, whatever was asked for. */
  readonly owners: readonly Owners[];
}

export interface FleetProcess {
  readonly heartbeat: Heartbeat;
  /** As of now. */
  readonly ageMs: number;
  readonly isSilent: boolean;
  /** Records not folded, of each partition of an ingest whose log's end is known; of standbys and the silent it is not. */
  readonly lags: ReadonlyMap<number, number>;
}

const READ_EACH_MS = 1_000;
const HITS_MAX = 200;
const MOST_MAX = 5;
/** For the log's ends, ms; what comes later is there next time. */
const ENDS_WITHIN_MS = 1_000;
/** How long an order of all processes is good, ms. */
const ORDER_FOR_MS = 500;

const NO_LAGS: ReadonlyMap<number, number> = new Map();

interface Reading {
  readonly present: readonly Present[];
  readonly atMs: number;
}

export class FleetView {
  readonly #options: FleetOptions;
  #reading: Reading | undefined;
  #asking: Promise<void> | undefined;
  #askedMs = -Infinity;
  #problem: string | undefined;
  #ordered: { readonly of: Reading | undefined; readonly atMs: number; readonly processes: readonly FleetProcess[] } | undefined;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** Settles once what is there is as new as it gets now; never rejects. */
  async refresh(): Promise<void> {
    if (this.#options.monotonicMs() - this.#askedMs >= READ_EACH_MS) this.#asking ??= this.#read().finally(() => (this.#asking = undefined));
    await this.#asking;
  }

  /** How long ago the processes were read, ms; undefined: they never were. */
  get ageMs(): number | undefined {
    return this.#reading && this.#options.monotonicMs() - this.#reading.atMs;
  }

  /** Why they could not be read; undefined: they could. */
  get problem(): string | undefined {
    return this.#problem;
  }

  list({ limit, search }: FleetQuery): FleetList {
    const words = search.toLowerCase().split(/\s+/).filter((word) => word !== '');
    const all = this.#all();
    const found = all.filter(({ heartbeat }) => matches(heartbeat, words));
    const owners = this.#owners(all);
    return { processes: found.slice(0, limit), summary: summaryOf(all, { owners, found: found.length }), owners };
  }

  /** The most refused first. */
  hits(): readonly HitTuple[] {
    const byUpstream = new Map<string, (readonly [proxy: string, calls: number])[]>();
    for (const { heartbeat: { instance, proxy }, isSilent } of this.#all()) {
      for (const { upstream, calls } of isSilent ? [] : (proxy?.refused ?? [])) {
        const at = byUpstream.get(upstream);
        if (at === undefined) byUpstream.set(upstream, [[instance, calls]]);
        else at.push([instance, calls]);
      }
    }
    const hits = [...byUpstream].map(([upstream, at]): HitTuple => {
      const most = at.toSorted(([, a], [, b]) => b - a).slice(0, MOST_MAX);
      return [upstream, at.reduce((sum, [, calls]) => sum + calls, 0), at.length, most];
    });
    return hits.toSorted(([, a], [, b]) => b - a).slice(0, HITS_MAX);
  }

  async #read(): Promise<void> {
    const { presence, ends, monotonicMs } = this.#options;
    this.#askedMs = monotonicMs();
    try {
      const [present] = await Promise.all([presence.list(), Promise.race([ends.ask(), sleep(ENDS_WITHIN_MS, undefined, { ref: false })])]);
      this.#reading = { present, atMs: monotonicMs() };
      this.#problem = undefined;
    } catch (error) {
      this.#problem = (error as Error).message;
    }
  }

  /** In order; many ask at once. */
  #all(): readonly FleetProcess[] {
    const nowMs = this.#options.monotonicMs();
    if (this.#ordered === undefined || this.#ordered.of !== this.#reading || nowMs - this.#ordered.atMs > ORDER_FOR_MS) this.#ordered = { of: this.#reading, atMs: nowMs, processes: this.#processes().toSorted(worstFirst) };
    return this.#ordered.processes;
  }

  #processes(): FleetProcess[] {
    const sinceMs = this.ageMs ?? 0;
    const committed = this.#options.committed();
    return (this.#reading?.present ?? []).map(({ heartbeat, ageMs }) => {
      // As it was read: where nothing can be read nobody is the silent one.
      const isSilent = ageMs > SILENT_AFTER_MS;
      return { heartbeat, ageMs: ageMs + sinceMs, isSilent, lags: isSilent ? NO_LAGS : this.#lags(heartbeat, committed) };
    });
  }

  /** A heartbeat is seconds old, in which thousands of records were folded: what was committed since counts. */
  #lags({ ingest }: Heartbeat, committed: ReadonlyMap<number, number>): ReadonlyMap<number, number> {
    if (ingest?.group !== 'ingest') return NO_LAGS;
    const lags = new Map<number, number>();
    for (const { partition, next } of ingest.partitions) {
      const folded = Math.max(next, committed.get(partition) ?? 0);
      const end = this.#options.ends.of(partition, folded);
      if (end !== undefined) lags.set(partition, end - folded);
    }
    return lags;
  }

  #owners(all: readonly FleetProcess[]): Owners[] {
    const by = { ingest: new Map<number, string>(), standby: new Map<number, string>() };
    for (const { isSilent, heartbeat: { instance, ingest } } of all) {
      if (ingest !== undefined && !isSilent) for (const { partition } of ingest.partitions) by[ingest.group].set(partition, instance);
    }
    return Array.from({ length: this.#options.partitions }, (_, partition) => {
      const [ingest, standby] = [by.ingest.get(partition), by.standby.get(partition)];
      return { partition, ...(ingest !== undefined && { ingest }), ...(standby !== undefined && { standby }) };
    });
  }
}

function summaryOf(all: readonly FleetProcess[], { owners, found }: { readonly owners: readonly Owners[]; readonly found: number }): FleetSummary {
  const having = (role: (typeof PROCESS_ROLES)[number]): number => all.filter(({ heartbeat }) => heartbeat[role] !== undefined).length;
  return {
    ingests: having('ingest'),
    proxies: having('proxy'),
    consoles: having('console'),
    silent: all.filter(({ isSilent }) => isSilent).length,
    unready: all.filter(({ isSilent, heartbeat: { missing } }) => !isSilent && missing.length > 0).length,
    unowned: having('ingest') === 0 ? [] : owners.filter(({ ingest }) => ingest === undefined).map(({ partition }) => partition),
    found,
  };
}

function rolesOf(heartbeat: Heartbeat): string[] {
  return PROCESS_ROLES.filter((role) => heartbeat[role] !== undefined).map((role) => (role === 'ingest' ? (heartbeat.ingest?.group ?? role) : role));
}

function matches(heartbeat: Heartbeat, words: readonly string[]): boolean {
  const { instance, host, version } = heartbeat;
  const text = [instance, host, version, ...rolesOf(heartbeat)].join(' ').toLowerCase();
  return words.every((word) => text.includes(word));
}

function worstFirst(a: FleetProcess, b: FleetProcess): number {
  return rank(a) - rank(b) || roleRank(a) - roleRank(b) || (a.heartbeat.instance < b.heartbeat.instance ? -1 : 1);
}

function rank({ isSilent, heartbeat: { missing, proxy } }: FleetProcess): number {
  if (isSilent) return 0;
  if (missing.length > 0) return 1;
  return (proxy?.judgedAlone ?? 0) > 0 ? 2 : 3;
}

function roleRank({ heartbeat }: FleetProcess): number {
  return PROCESS_ROLES.findIndex((role) => heartbeat[role] !== undefined);
}
