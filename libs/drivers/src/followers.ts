import type { Stop } from '#engine';
import type { OnError } from './drivers.ts';

interface Follower<T> {
  readonly listener: (news: T) => void;
  /** The parts that it has not been told yet. */
  readonly awaited: Set<number>;
  readonly whole: PromiseWithResolvers<void>;
}

/**
 * Who follows something in this process that comes in parts, numbered from 0. Each follower is whole once it was told
 * every part. What a listener throws goes to `onError` and harms nobody else.
 */
export class Followers<T> {
  readonly #parts: number;
  readonly #onError: OnError;
  readonly #doing: string;
  readonly #followers = new Set<Follower<T>>();
  #isClosed = false;

  /** @param doing what telling is, for `onError` */
  constructor(parts: number, onError: OnError, doing: string) {
    this.#parts = parts;
    this.#onError = onError;
    this.#doing = doing;
  }

  get isEmpty(): boolean {
    return this.#followers.size === 0;
  }

  /**
   * Settles when it is whole.
   * @throws Error closed before that
   */
  async add(listener: (news: T) => void): Promise<Stop> {
    const follower = { listener, awaited: new Set(Array.from({ length: this.#parts }, (_, part) => part)), whole: Promise.withResolvers<void>() };
    this.#followers.add(follower);
    if (this.#isClosed) this.close();
    await follower.whole.promise;
    return async () => void this.#followers.delete(follower);
  }

  /** Is somebody still to be told this part? */
  isAwaited(part: number): boolean {
    return [...this.#followers].some(({ awaited }) => awaited.has(part));
  }

  /** Everybody, the part as a whole. */
  tell(news: T, part: number): void {
    for (const follower of this.#followers) this.#tell(follower, news, part);
  }

  /** What is new of a part: only those who were told that part before, or it would pass for the whole. */
  tellNews(news: T, part: number): void {
    for (const follower of this.#followers) if (!follower.awaited.has(part)) this.#tell(follower, news, part);
  }

  /** Only those who were not told this part yet. */
  tellAwaiting(news: T, part: number): void {
    for (const follower of this.#followers) if (follower.awaited.has(part)) this.#tell(follower, news, part);
  }

  /** Only those who were told every part. */
  tellWhole(news: T, part: number): void {
    for (const follower of this.#followers) if (follower.awaited.size === 0) this.#tell(follower, news, part);
  }

  close(): void {
    this.#isClosed = true;
    for (const { whole } of this.#followers) whole.reject(new Error('the drivers were closed'));
    this.#followers.clear();
  }

  #tell(follower: Follower<T>, news: T, part: number): void {
    // Another listener may have stopped it just now.
    if (!this.#followers.has(follower)) return;
    try {
      follower.listener(news);
    } catch (error) {
      this.#onError(error, this.#doing);
    }
    follower.awaited.delete(part);
    if (follower.awaited.size === 0) follower.whole.resolve();
  }
}
