/**
 * A bug, as opposed to a store or a log that is out of reach: the same input fails the same way for ever. Whoever tries
 * again what failed lets a defect through instead, up to where nobody catches it, so that the process ends with an
 * error and nothing that follows from the bug is ever committed.
 */
export class Defect extends Error {
  override readonly name = 'Defect';

  /** What `work` gives; it is pure, so whatever it throws is a bug. `doing` says what it was, for people. */
  static guard<T>(doing: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw new Defect(`${doing} failed, which is a bug`, { cause: error });
    }
  }
}
