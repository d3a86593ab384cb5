import type { Stop } from '#engine';
import type { OnError } from './drivers.ts';

/**
 * Subscribers within this process. They are told in a microtask of their own, so that none can fail, or call back
 * into, the append or commit that made the news; news keep their order. What a listener throws goes to `onError`.
 */
export class Listeners<T> {
  readonly #listeners = new Set<(news: T) => void>();
  readonly #onError: OnError;
  readonly #doing: string;

  /** @param doing what telling a listener is, for `onError` */
  constructor(onError: OnError, doing: string) {
    this.#onError = onError;
    this.#doing = doing;
  }

  add(listener: (news: T) => void): Stop {
    const own = (news: T): void => listener(news);
    this.#listeners.add(own);
    return async () => void this.#listeners.delete(own);
  }

  tell(news: T): void {
    if (this.#listeners.size > 0) queueMicrotask(() => this.#tellAll(news));
  }

  clear(): void {
    this.#listeners.clear();
  }

  #tellAll(news: T): void {
    for (const listener of this.#listeners) {
      try {
        listener(news);
      } catch (error) {
        this.#onError(error, this.#doing);
      }
    }
  }
}
