/**
 * Simulated time: one queue of what is going to happen, in order of its time. One thing happens at a step, and whatever
 * it set going runs out before the next, so that nothing but the queue decides in which order things come.
 */
import { createHash } from 'node:crypto';

/** Where simulated time begins, ms since 1970. */
const BEGIN_MS = 1_790_000_000_000;
/** Trace kept before it is hashed, characters. */
const HASHED_AT = 65_536;

export interface Timer {
  cancel(): void;
}

interface Event extends Timer {
  readonly atMs: number;
  readonly order: number;
  readonly what: string;
  action: (() => void) | undefined;
}

export class Scheduler {
  nowMs = BEGIN_MS;
  /** Things that have happened. */
  steps = 0;
  readonly #print: ((line: string) => void) | undefined;
  readonly #hash = createHash('sha256');
  #unhashed = '';
  #heap: Event[] = [];
  #order = 0;

  /** @param print is given each line of the trace; absent: it is hashed only */
  constructor(print?: (line: string) => void) {
    this.#print = print;
  }

  get elapsedMs(): number {
    return this.nowMs - BEGIN_MS;
  }

  after(delayMs: number, what: string, action: () => void): Timer {
    const event: Event = { atMs: this.nowMs + Math.max(0, Math.round(delayMs)), order: this.#order++, what, action, cancel: () => (event.action = undefined) };
    this.#push(event);
    return event;
  }

  /** The next thing happens. */
  async step(): Promise<void> {
    for (;;) {
      const event = this.#pop();
      if (event === undefined) throw new Error('assertion: nothing is going to happen any more');
      const { action } = event;
      if (action === undefined) continue;
      event.action = undefined;
      this.nowMs = event.atMs;
      this.steps++;
      this.note(event.what);
      action();
      // All that was waiting for it runs, and what waits for that, before anything else happens.
      await new Promise<void>((resolve) => void setImmediate(resolve));
      return;
    }
  }

  /** A line of the trace. */
  note(what: string): void {
    const line = `${this.steps} ${this.elapsedMs} ${what}\n`;
    this.#print?.(line);
    this.#unhashed += line;
    if (this.#unhashed.length < HASHED_AT) return;
    this.#hash.update(this.#unhashed);
    this.#unhashed = '';
  }

  /** Of the whole trace so far, hex. */
  get traceHash(): string {
    return this.#hash.copy().update(this.#unhashed).digest('hex').slice(0, 16);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (!isBefore(event, heap[up] as Event)) break;
      heap[at] = heap[up] as Event;
      at = up;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= heap.length) break;
      if (down + 1 < heap.length && isBefore(heap[down + 1] as Event, heap[down] as Event)) down++;
      if (!isBefore(heap[down] as Event, last)) break;
      heap[at] = heap[down] as Event;
      at = down;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
