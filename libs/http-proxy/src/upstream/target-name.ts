/** A target as it is configured, and the addresses it has: its own host, or what DNS says of it from time to time. */
import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatAddress } from '../address.ts';
import type { Resolver } from './resolver.ts';
import type { Target } from './targets.ts';

/** Between two look-ups of a name in use. */
const LOOK_UP_INTERVAL_MS = 5_000;
/** While a name has no address. */
const RETRY_INTERVAL_MS = 1_000;
/** Addresses of a name that was not in use for this long are looked up before they are dialled again … */
const STALE_AFTER_MS = 30_000;
/** … and used as they are if that takes longer. */
const STALE_WAIT_MS = 1_000;

export interface TargetNameOptions {
  /** Monotonic, ms. */
  readonly now: () => number;
  readonly resolver: Resolver;
  /** The addresses are others than before. */
  readonly onChange: () => void;
}

export class TargetName {
  readonly target: Target;
  readonly #options: TargetNameOptions;
  readonly #isAddress: boolean;
  #addresses: readonly string[] = [];
  #hasBothFamilies = false;
  #isStale = false;
  #lookUp: Promise<void> | undefined;
  /** When it is looked up next, if it is in use then; Infinity = it is being looked up. */
  #dueAtMs = -Infinity;
  #usedAtMs = -Infinity;
  #error: NodeJS.ErrnoException | undefined;

  constructor(target: Target, options: TargetNameOptions) {
    this.target = target;
    this.#options = options;
    this.#isAddress = isIP(target.host) !== 0;
    if (this.#isAddress) this.#addresses = [target.host];
  }

  /** In the order of preference; none: not known yet. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  /** It is an address itself. */
  get isAddress(): boolean {
    return this.#isAddress;
  }

  /** Its addresses can be dialled as they are, each by itself. */
  get isSettled(): boolean {
    return this.#addresses.length > 0 && !this.#hasBothFamilies && !this.#isStale;
  }

  labelOf(address: string): string {
    return formatAddress({ host: address, port: this.target.port });
  }

  /** A name is in use at this moment: begins a look-up, if one is due. */
  used(nowMs: number): void {
    if (nowMs < this.#dueAtMs) return;
    this.#isStale = nowMs - this.#usedAtMs >= STALE_AFTER_MS;
    this.#usedAtMs = nowMs;
    void this.#refresh();
  }

  /**
   * Resolves once its addresses may be dialled.
   * @throws the error of a look-up, where it never had one.
   */
  async ready(): Promise<void> {
    if (this.#addresses.length === 0) await this.#refresh();
    else if (this.#isStale && this.#lookUp !== undefined) await Promise.race([this.#lookUp, sleep(STALE_WAIT_MS, undefined, { ref: false })]);
    if (this.#addresses.length === 0) throw this.#error ?? new Error(`${this.target.host} has no address`);
  }

  /** The first of the other family than this one: a host may have IPv6 in DNS and none on the way to it. */
  otherFamilyOf(address: string): string | undefined {
    return this.#hasBothFamilies ? this.#addresses.find((other) => isIP(other) !== isIP(address)) : undefined;
  }

  async #refresh(): Promise<void> {
    this.#dueAtMs = Infinity;
    this.#lookUp ??= this.#look().finally(() => (this.#lookUp = undefined));
    await this.#lookUp;
  }

  /** While DNS fails, the last known addresses stay in use. */
  async #look(): Promise<void> {
    const { now, resolver, onChange } = this.#options;
    try {
      const found = await resolver.addressesOf(this.target.host);
      const isSame = found.length === this.#addresses.length && found.every((address) => this.#addresses.includes(address));
      if (!isSame) this.#become(found, onChange);
    } catch (error) {
      this.#error = error as NodeJS.ErrnoException;
    }
    this.#isStale = false;
    this.#dueAtMs = now() + (this.#addresses.length === 0 ? RETRY_INTERVAL_MS : LOOK_UP_INTERVAL_MS);
  }

  #become(addresses: readonly string[], onChange: () => void): void {
    this.#addresses = addresses;
    this.#hasBothFamilies = addresses.some((address) => isIP(address) !== isIP(addresses[0] as string));
    onChange();
  }
}
