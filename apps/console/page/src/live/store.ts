/** All that the page knows, and whether that is still so. One for the page; it is told by the console's events. */
import { signal } from '@preact/signals';
import type { SentEvent } from '../../../src/shared/event-parser.ts';
import { nearness } from '../../../src/shared/nearness.ts';
import { bearer } from '../shared/token.ts';
import type { Breaker, CountsTuple, Hello, Pulse } from './breaker.ts';
import { Curves } from './curves.ts';
import type { HitTuple } from '../../../src/shared/fleet.ts';
import type { FleetNow, Hit } from './fleet.ts';
import { EventFollower, type Cut } from './sse.ts';

export type Link =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  /** `sinceMs`: since when what is shown is not told any more, by our clock. */
  | { readonly kind: 'cut'; readonly cut: Cut; readonly sinceMs: number };

/** States that the console last knew to be so longer ago than this are said to be old, ms. */
const OLD_AFTER_MS = 5_000;

/** So often in a row a partition must be told to have no ingest, each 2 s, before every place says so. */
const UNOWNED_TOLD = 5;

class Store {
  readonly breakers = new Map<string, Breaker>();
  readonly curves = new Curves();
  /** Changes with whatever is shown, at most once a frame. */
  readonly version = signal(0);
  readonly link = signal<Link>({ kind: 'connecting' });
  readonly hello = signal<Hello | undefined>(undefined);
  readonly pulse = signal<Pulse | undefined>(undefined);
  /** Partitions that nobody has folded for a while; a change of hands takes a few seconds. */
  readonly unowned = signal<readonly number[]>([]);
  /** Whose callers are refused, by upstream. */
  readonly hits = signal<ReadonlyMap<string, Hit>>(new Map());
  /** All that there was when the stream began has come. */
  readonly isLoaded = signal(false);
  /** By the console's clock, ms; moves each second. */
  readonly nowMs = signal(Date.now());
  readonly #follower = new EventFollower({
    url: '/api/v1/events',
    headers: bearer,
    onEvent: (event) => this.#take(event),
    onCut: (cut) => this.#cut(cut),
  });
  readonly #counted = new Set<string>();
  /** Of upstreams that are there, while all are told anew: what isn't told again is gone. */
  #toldAgain: Set<string> | undefined;
  #offsetMs = 0;
  #unownedTold = 0;
  #isDrawing = false;
  #sampling: number | undefined;

  start(): void {
    this.#follower.start();
    setInterval(() => (this.nowMs.value = Date.now() + this.#offsetMs), 1_000);
  }

  /** With another token. */
  again(): void {
    this.#follower.start();
  }

  /** Another each time that the console begins to tell: after a cut, or with another token. What was asked beside it is asked anew then. */
  get begun(): string {
    return this.hello.value?.now ?? '';
  }

  breaker(upstream: string): Breaker | undefined {
    return this.breakers.get(upstream);
  }

  /** As of now: a window that is over counts nothing (T3). */
  nearnessOf(upstream: string): number {
    const breaker = this.breakers.get(upstream);
    return breaker === undefined ? 0 : nearness(windowNow(breaker, this.nowMs.peek()), breaker.thresholds);
  }

  /** A trip empties the window: the sample after it is the threshold that it reached. */
  #sampleOf(upstream: string): number {
    const breaker = this.breakers.get(upstream);
    const hasJustTripped = breaker?.state === 'open' && breaker.override === undefined && this.nowMs.peek() - Date.parse(breaker.since) < (this.hello.peek()?.sample_ms ?? 0);
    return hasJustTripped ? 1 : this.nearnessOf(upstream);
  }

  /** Why what is shown may not be so; undefined: it is. */
  get stale(): string | undefined {
    const pulse = this.pulse.value;
    if (pulse?.incomplete !== undefined) return `The console does not know all states: ${pulse.incomplete}.`;
    const [lacking] = pulse?.missing ?? [];
    if (lacking !== undefined) return `This console lacks something (${lacking.name}): ${lacking.reason}.`;
    const ageMs = Math.max(0, ...(pulse?.partitions.map(({ age_ms }) => age_ms) ?? []));
    return ageMs > OLD_AFTER_MS ? `The console has heard nothing from the store for ${Math.round(ageMs / 1_000)} s. What you see is as old as that.` : undefined;
  }

  #take({ event, data }: SentEvent): void {
    const read: unknown = JSON.parse(data);
    if (event === 'hello') this.#begin(read as Hello);
    else if (event === 'pulse') this.#freshen(read as Pulse);
    else if (event === 'breakers') this.#keep(read as readonly Breaker[]);
    else if (event === 'counts') this.#count(read as readonly CountsTuple[]);
    else if (event === 'loaded') this.#loaded();
    else if (event === 'fleet') return this.#tellFleet(read as FleetNow & { readonly hits: readonly HitTuple[] });
    this.#draw();
  }

  #begin(hello: Hello): void {
    this.hello.value = hello;
    this.#toldAgain = hello.resumed ? undefined : new Set();
    this.#setClock(hello.now);
    clearInterval(this.#sampling);
    this.#sampling = setInterval(() => this.#sample(), hello.sample_ms);
  }

  #freshen(pulse: Pulse): void {
    this.#setClock(pulse.now);
    this.pulse.value = pulse;
    if (this.link.peek().kind !== 'live') this.link.value = { kind: 'live' };
  }

  #tellFleet({ hits, ...fleet }: FleetNow & { readonly hits: readonly HitTuple[] }): void {
    const { unowned } = fleet.summary;
    this.#unownedTold = unowned.length === 0 ? 0 : this.#unownedTold + 1;
    this.unowned.value = this.#unownedTold < UNOWNED_TOLD ? [] : unowned;
    this.hits.value = new Map(hits.map(([upstream, calls, proxies, most]) => [upstream, { calls, proxies, most }]));
  }

  #keep(breakers: readonly Breaker[]): void {
    for (const breaker of breakers) {
      this.breakers.set(breaker.upstream, breaker);
      this.#toldAgain?.add(breaker.upstream);
      if (breaker.nearness !== undefined) this.curves.set(breaker.upstream, breaker.nearness);
      this.#counted.add(breaker.upstream);
    }
  }

  #count(counts: readonly CountsTuple[]): void {
    for (const [upstream, total, errors, slow, startedAt] of counts) {
      const breaker = this.breakers.get(upstream);
      if (breaker === undefined) continue;
      const started = startedAt === 0 ? {} : { started_at: new Date(startedAt).toISOString() };
      this.breakers.set(upstream, { ...breaker, window: { ...started, total, errors, slow } });
      this.#counted.add(upstream);
    }
  }

  #loaded(): void {
    const told = this.#toldAgain;
    this.#toldAgain = undefined;
    if (told !== undefined) for (const upstream of this.breakers.keys()) if (!told.has(upstream)) this.breakers.delete(upstream);
    this.isLoaded.value = true;
  }

  #cut(cut: Cut): void {
    const before = this.link.peek();
    const sinceMs = before.kind === 'cut' ? before.sinceMs : Date.now();
    this.link.value = { kind: 'cut', cut, sinceMs };
  }

  #setClock(now: string): void {
    this.#offsetMs = Date.parse(now) - Date.now();
    this.nowMs.value = Date.now() + this.#offsetMs;
  }

  #sample(): void {
    this.curves.sample(this.#counted, (upstream) => this.#sampleOf(upstream));
    this.#counted.clear();
    this.#draw();
  }

  #draw(): void {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      this.version.value += 1;
    });
  }
}

export const EMPTY_WINDOW = { total: 0, errors: 0, slow: 0 } as const;

export function windowNow({ window, thresholds }: Breaker, nowMs: number): { readonly started_at?: string; readonly total: number; readonly errors: number; readonly slow: number } {
  if (window.started_at === undefined || thresholds === undefined) return window;
  return nowMs >= Date.parse(window.started_at) + thresholds.stat_time_window_ms ? EMPTY_WINDOW : window;
}

export const store = new Store();
