/**
 * All upstreams that a proxy knows. Those that were called, or whose state may end by itself, are objects with a decision;
 * all others are dormant, a row each.
 */
import { textAt, type AlikeSettings } from './alike-settings.ts';
import { DormantUpstreams, type PolicyHeld } from './dormant.ts';
import { UNKNOWN, type Known, type Partition } from './known.ts';
import type { QuietStates } from './ports.ts';
import type { Heard, SeenStates } from './seen.ts';
import type { SharedPolicy } from './shared-policies.ts';

export interface KnownUpstreamsOptions {
  readonly partitionOf: (upstream: string) => Partition;
  readonly seen: SeenStates;
  /** It was dormant, and is to be decided. */
  readonly onWoken: (known: Known) => void;
}

/** Asked for though nothing is known of them, and remembered. */
const STRANGERS_MAX = 1_000;

export class KnownUpstreams {
  readonly #options: KnownUpstreamsOptions;
  readonly #awake = new Map<string, Known>();
  #dormant = new DormantUpstreams();
  /** Nothing is known of them since something was last heard: they are not looked for at each call. */
  readonly #strangers = new Set<string>();

  constructor(options: KnownUpstreamsOptions) {
    this.#options = options;
  }

  /** Those that aren't dormant. */
  awake(): MapIterator<Known> {
    return this.#awake.values();
  }

  /** Unless it is dormant. */
  get(upstream: string): Known | undefined {
    return this.#awake.get(upstream);
  }

  /** Whoever is asked for is dormant no more. */
  find(upstream: string): Known | undefined {
    return this.#awake.get(upstream) ?? (this.#strangers.has(upstream) ? undefined : this.#wake(upstream));
  }

  /** @returns undefined: it is dormant, and that is all there is to do */
  hear(heard: Heard, partition: Partition): Known | undefined {
    this.#strangers.clear();
    if (this.#dormant.hear(heard)) return undefined;
    return this.find(heard.upstream) ?? this.#begin(heard.upstream, partition);
  }

  /** @param onAwake those that aren't dormant, by where they are in `states` */
  hearAll(states: QuietStates, onAwake: (index: number) => void): void {
    this.#strangers.clear();
    this.#dormant.hearAll(states, onAwake);
  }

  /** Nobody has a policy from here on, until it is given one. @param expected how many are about to be */
  unpoliceAll(expected: number): void {
    this.#strangers.clear();
    if (!this.#dormant.isUnpoliced) this.#dormant = this.#dormant.withoutPolicies();
    this.#dormant.expect(expected);
    for (const known of this.#awake.values()) {
      known.name = '';
      this.#dormant.wakes(known.upstream);
    }
  }

  /** @returns undefined: it is dormant, and that is all there is to do */
  police(upstream: string, held: PolicyHeld): Known | undefined {
    if (this.#dormant.police(upstream, held)) return undefined;
    return this.#awake.get(upstream) ?? this.#begin(upstream, this.#options.partitionOf(upstream));
  }

  policeAll(group: AlikeSettings, policy: SharedPolicy, onAwake: (known: Known, held: PolicyHeld) => void): void {
    const { names, upstreams, like: { namespace } } = group;
    this.#dormant.policeAll(group, policy, (index) => {
      const known = this.#awake.get(textAt(upstreams, index));
      if (known !== undefined) onAwake(known, { policy, namespace, name: textAt(names, index) });
    });
  }

  forget({ upstream }: Known): void {
    this.#awake.delete(upstream);
    this.#dormant.forgets(upstream);
  }

  #wake(upstream: string): Known | undefined {
    const dormant = this.#dormant.find(upstream);
    if (dormant === undefined) return this.#meet(upstream);
    const known = this.#begin(upstream, this.#options.partitionOf(upstream));
    if (dormant.policy !== undefined) Object.assign(known, dormant.policy);
    if (dormant.state !== undefined) {
      known.shared = this.#options.seen.of(dormant.state, undefined, 0);
      known.next = dormant.state.next;
    }
    this.#options.onWoken(known);
    return known;
  }

  #meet(stranger: string): undefined {
    if (this.#strangers.size >= STRANGERS_MAX) this.#strangers.clear();
    this.#strangers.add(stranger);
  }

  #begin(upstream: string, partition: Partition): Known {
    const known: Known = {
      upstream,
      partition,
      policy: undefined,
      name: '',
      namespace: '',
      shared: undefined,
      next: 0,
      local: undefined,
      own: undefined,
      countsUnder: undefined,
      decision: UNKNOWN,
      untilMonotonicMs: undefined,
    };
    this.#awake.set(upstream, known);
    this.#dormant.wakes(upstream);
    partition.members.push(known);
    return known;
  }
}
