/**
 * Ends of leases (T4), the earliest first: many end at once after a bad minute, so neither who asks for the earliest nor
 * who takes those that are due may walk all of them. A binary heap; an end that has been replaced stays in it until it
 * comes up, or until such are the most of it.
 */
interface Lease {
  readonly upstream: string;
  readonly untilMs: number;
}

/** A heap this small is never made anew. */
const SMALL = 64;

export class Leases {
  readonly #untilMs = new Map<string, number>();
  /** Each no later than its two children, at 2n + 1 and 2n + 2. */
  #heap: Lease[] = [];
  #earliestMs = Infinity;

  /** Infinity: there is none. Asked for at each record. */
  get earliestMs(): number {
    return this.#earliestMs;
  }

  /** @param untilMs undefined: it has none (any more) */
  set(upstream: string, untilMs: number | undefined): void {
    if (this.#untilMs.get(upstream) === untilMs) return;
    if (untilMs === undefined) this.#untilMs.delete(upstream);
    else this.#add({ upstream, untilMs });
    this.#lookAtFirst();
  }

  /** Takes out those that end by then, by their end, then by name. */
  takeDue(clockMs: number): Lease[] {
    const due: Lease[] = [];
    for (let first = this.#heap[0]; first !== undefined && first.untilMs <= clockMs; first = this.#heap[0]) {
      this.#pop();
      // Once: a lease that was replaced and came back is in here twice.
      if (this.#isCurrent(first) && this.#untilMs.delete(first.upstream)) due.push(first);
    }
    this.#lookAtFirst();
    return due;
  }

  #add(lease: Lease): void {
    this.#untilMs.set(lease.upstream, lease.untilMs);
    if (this.#heap.length > SMALL && this.#heap.length > 2 * this.#untilMs.size) this.#makeAnew();
    else this.#push(lease);
  }

  #lookAtFirst(): void {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (this.#isCurrent(first)) return void (this.#earliestMs = first.untilMs);
      this.#pop();
    }
    this.#earliestMs = Infinity;
  }

  #isCurrent({ upstream, untilMs }: Lease): boolean {
    return this.#untilMs.get(upstream) === untilMs;
  }

  /** A sorted list is a heap. */
  #makeAnew(): void {
    this.#heap = Array.from(this.#untilMs, ([upstream, untilMs]) => ({ upstream, untilMs })).toSorted(inOrder);
  }

  #push(lease: Lease): void {
    let at = this.#heap.length;
    this.#heap.push(lease);
    for (let parent = (at - 1) >> 1; at > 0 && inOrder(lease, this.#heap[parent] as Lease) < 0; at = parent, parent = (at - 1) >> 1) {
      this.#heap[at] = this.#heap[parent] as Lease;
      this.#heap[parent] = lease;
    }
  }

  #pop(): void {
    const lease = this.#heap.pop();
    if (lease === undefined || this.#heap.length === 0) return;
    for (let at = 0; ; ) {
      const child = this.#earlierChild(at);
      const earlier = this.#heap[child];
      this.#heap[at] = lease;
      if (earlier === undefined || inOrder(lease, earlier) <= 0) return;
      this.#heap[at] = earlier;
      at = child;
    }
  }

  #earlierChild(at: number): number {
    const [left, right] = [this.#heap[2 * at + 1], this.#heap[2 * at + 2]];
    return left !== undefined && right !== undefined && inOrder(right, left) < 0 ? 2 * at + 2 : 2 * at + 1;
  }
}

function inOrder(a: Lease, b: Lease): number {
  return a.untilMs - b.untilMs || (a.upstream < b.upstream ? -1 : a.upstream === b.upstream ? 0 : 1);
}
