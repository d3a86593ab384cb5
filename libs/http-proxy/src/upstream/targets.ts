/**
 * Where a route's calls go next: in turn over the targets that connect. One that failed to is left out for a back-off,
 * then tried by one call; while every one is left out, the one that is due soonest is dialled.
 */
import type { LookupFunction } from 'node:net';
import { DialTarget, type Places } from './dial-target.ts';
import { Place } from './place.ts';
import type { Resolver } from './resolver.ts';
import { TargetName } from './target-name.ts';

/** Where a connection goes. */
export interface Target {
  /** `ADDRESS:PORT`; `HOST:PORT` while no address of the host is known. May change until it is connected. */
  readonly label: string;
  readonly host: string;
  readonly port: number;
  /** The host as it is configured, where `host` may be one of its addresses. */
  readonly name?: string;
  /** Where `host` is a name: its addresses (always all), in the order of trying. Absent: the system's way. */
  readonly lookup?: LookupFunction;
  /** To be told which address took the connection, before anybody else hears of it. */
  reached?(address: string | undefined): void;
}

export interface TargetsOptions {
  /** Monotonic, ms. */
  readonly now: () => number;
  readonly resolver: Resolver;
  /** It is no longer one of them: connections to it serve their call to its end and no other. */
  readonly onGone: (target: Target) => void;
}

export class Targets implements Places {
  readonly #options: TargetsOptions;
  #names: readonly TargetName[] = [];
  /** Those of them that DNS is asked for. */
  #lookedUp: readonly TargetName[] = [];
  #places: ReadonlyMap<string, Dialled> = new Map();
  #order: readonly Dialled[] = [];
  #turn = 0;

  /** @param names at least one; a host is an address or is looked up while the targets are in use. */
  constructor(names: readonly Target[], options: TargetsOptions) {
    this.#options = options;
    this.update(names);
  }

  /** Whom to dial; what became of it is told by `connected`, `failed` or `giveBack`. */
  next(): Target {
    const nowMs = this.#options.now();
    for (const name of this.#lookedUp) name.used(nowMs);
    const { place, name } = this.#pick(this.#order, nowMs);
    return name.isSettled ? place : new DialTarget(place, name, this);
  }

  connected(target: Target): void {
    this.find(target.label)?.connected();
  }

  /** To connect or in the TLS handshake, by no fault of ours. */
  failed(target: Target): void {
    this.find(target.label)?.failed(this.#options.now());
  }

  /** It wasn't dialled after all: a connection was there. */
  giveBack(target: Target): void {
    this.find(target.label)?.givenBack();
  }

  /** It is still one of them. */
  has(target: Target): boolean {
    return this.#places.has(target.label);
  }

  /** @param names at least one; those that stay keep their addresses and back-offs. */
  update(names: readonly Target[]): void {
    const before = this.#names;
    this.#names = names.map((target) => before.find((name) => name.target.label === target.label) ?? this.#watch(target));
    this.#lookedUp = this.#names.filter(({ isAddress }) => !isAddress);
    this.#expand();
  }

  /** Answers of DNS that come later change nothing. */
  close(): void {
    this.#names = [];
    this.#lookedUp = [];
  }

  choose(name: TargetName, preferred: Place): Place {
    const own = this.#order.filter((dialled) => dialled.name === name);
    const isStill = this.#places.get(preferred.label)?.place === preferred;
    return isStill || own.length === 0 ? preferred : this.#pick(own, this.#options.now()).place;
  }

  find(label: string): Place | undefined {
    return this.#places.get(label)?.place;
  }

  #watch(target: Target): TargetName {
    const { now, resolver } = this.#options;
    const name: TargetName = new TargetName(target, {
      now,
      resolver,
      onChange: () => {
        if (this.#names.includes(name)) this.#expand();
      },
    });
    return name;
  }

  #expand(): void {
    const before = this.#places;
    const places = new Map<string, Dialled>();
    for (const name of this.#names) {
      const { target } = name;
      const hosts = name.addresses.length === 0 ? [target.host] : name.addresses;
      for (const host of hosts) {
        const label = name.labelOf(host);
        const place = before.get(label)?.place ?? new Place({ label, host, port: target.port, name: target.host });
        if (!places.has(label)) places.set(label, { place, name });
      }
    }
    this.#places = places;
    this.#order = [...places.values()];
    this.#turn = 0;
    for (const [label, { place, name }] of before) {
      // What is being dialled under a name alone will be known by its address.
      const isNameAlone = place.host === name.target.host && !name.isAddress;
      if (!places.has(label) && !isNameAlone) this.#options.onGone(place);
    }
  }

  /** The next that connects or is to be tried again; else the one that is due soonest. */
  #pick(order: readonly Dialled[], nowMs: number): Dialled {
    let pickedAt = this.#turn % order.length;
    for (let i = 0; i < order.length; i++) {
      const at = (this.#turn + i) % order.length;
      const { place } = order[at] as Dialled;
      const isReady = place.connects || place.dueAtMs <= nowMs;
      if (isReady || place.dueAtMs < (order[pickedAt] as Dialled).place.dueAtMs) pickedAt = at;
      if (isReady) break;
    }
    const picked = order[pickedAt] as Dialled;
    this.#turn = pickedAt + 1;
    picked.place.chosen(nowMs);
    return picked;
  }
}

interface Dialled {
  readonly place: Place;
  readonly name: TargetName;
}
