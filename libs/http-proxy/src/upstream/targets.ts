/**
 * Where a route's calls go next: in turn over the targets that connect. One that failed to is left out for a back-off,
 * then tried by one call; while every one is left out, the one that is due soonest is dialled.
 */
import type { LookupFunction } from 'node:net';
import type { Resolver } from './resolver.ts';

/** Where a connection goes. */
export interface Target {
  /** `HOST:PORT`, `ADDRESS:PORT` once the host's address is known. */
  readonly label: string;
  readonly host: string;
  readonly port: number;
  /** The host as it is configured, where `host` is one of its addresses. */
  readonly name?: string;
  /** How the host is looked up; absent: the system's way. */
  readonly lookup?: LookupFunction;
  /** To be told which address took the connection. */
  reached?(address: string | undefined): void;
}

export interface TargetsOptions {
  /** Monotonic, ms. */
  now(): number;
  readonly resolver: Resolver;
  /** It is no longer one of them: connections to it serve their call to its end and no other. */
  onGone(target: Target): void;
}

export class Targets {
  #names: readonly Target[];
  #turn = 0;

  /** @param names at least one. */
  constructor(names: readonly Target[], _options: TargetsOptions) {
    this.#names = names;
  }

  /** Whom to dial. What became of it is told by `connected` or `failed`. */
  next(): Target {
    this.#turn = (this.#turn + 1) % this.#names.length;
    return this.#names[this.#turn] as Target;
  }

  /** It wasn't dialled after all: a connection was there. */
  giveBack(_target: Target): void {}

  has(target: Target): boolean {
    return this.#names.some(({ label }) => label === target.label);
  }

  connected(_target: Target): void {}

  failed(_target: Target): void {}

  update(names: readonly Target[]): void {
    this.#names = names;
  }

  close(): void {}
}
