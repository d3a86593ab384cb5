/** Bounds how often an address may try tokens: a bucket of failures for each, that empties with time. */
import { isIPv6 } from 'node:net';

/** Failures that an address may have at once, and how long it takes until one is forgotten, ms. */
const FAILURES_MAX = 10;
const FORGOTTEN_EACH_MS = 6_000;
const ADDRESSES_MAX = 10_000;

interface Bucket {
  failures: number;
  sinceMs: number;
}

export class FailureLimit {
  /** In the order of their last failure. */
  readonly #buckets = new Map<string, Bucket>();
  readonly #monotonicMs: () => number;

  constructor(monotonicMs: () => number = () => performance.now()) {
    this.#monotonicMs = monotonicMs;
  }

  /** How long this address must wait before it is heard again, ms; 0: it need not. */
  waitMs(address: string): number {
    const bucket = this.#buckets.get(networkOf(address));
    if (bucket === undefined) return 0;
    this.#forget(bucket);
    return bucket.failures < FAILURES_MAX ? 0 : FORGOTTEN_EACH_MS - (this.#monotonicMs() - bucket.sinceMs);
  }

  failed(address: string): void {
    const network = networkOf(address);
    const bucket = this.#buckets.get(network) ?? { failures: 0, sinceMs: this.#monotonicMs() };
    this.#forget(bucket);
    bucket.failures += 1;
    this.#buckets.delete(network);
    this.#buckets.set(network, bucket);
    if (this.#buckets.size <= ADDRESSES_MAX) return;
    for (const oldest of this.#buckets.keys()) {
      this.#buckets.delete(oldest);
      break;
    }
  }

  #forget(bucket: Bucket): void {
    const nowMs = this.#monotonicMs();
    const forgotten = Math.floor((nowMs - bucket.sinceMs) / FORGOTTEN_EACH_MS);
    if (forgotten >= bucket.failures) Object.assign(bucket, { failures: 0, sinceMs: nowMs });
    else if (forgotten > 0) Object.assign(bucket, { failures: bucket.failures - forgotten, sinceMs: bucket.sinceMs + forgotten * FORGOTTEN_EACH_MS });
  }
}

/** Whoever has one IPv6 address has 2^64 of them. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address;
  const [head = '', tail = ''] = address.split('%', 1)[0]?.split('::') ?? [];
  const [before, after] = [head.split(':').filter(Boolean), tail.split(':').filter(Boolean)];
  const groups = address.includes('::') ? [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after] : before;
  return groups.slice(0, 4).join(':');
}
