/** What was read from files at the start is read again while the process lives, so that renewing it needs no restart. */
import type { Logger } from './logger.ts';

export interface Renewal<T> {
  /** @throws {Error} whose message says what can't be used and why */
  readonly read: () => T;
  /** What is in use. */
  readonly current: T;
  readonly isSame: (one: T, other: T) => boolean;
  readonly use: (renewed: T) => void;
  /** What is renewed, for the log: `the certificate`. */
  readonly what: string;
  /** Said of the renewed one: `the certificate is renewed, valid until …`. */
  readonly described?: (renewed: T) => string;
  readonly logger: Pick<Logger, 'info' | 'error'>;
  readonly eachMs: number;
}

/** Looks at the files from now on; what can't be used is said once and leaves what is in use. Gives what ends it. */
export function renew<T>({ read, current, isSame, use, what, described = () => '', logger, eachMs }: Renewal<T>): () => void {
  let used = current;
  let said = '';
  const timer = setInterval(() => {
    try {
      const found = read();
      said = '';
      if (isSame(found, used)) return;
      used = found;
      use(found);
      logger.info(`${what} is renewed${described(found)}`);
    } catch (error) {
      const { message } = error as Error;
      if (message !== said) logger.error(`${message}; ${what} before stays`);
      said = message;
    }
  }, eachMs);
  timer.unref();
  return () => clearInterval(timer);
}
