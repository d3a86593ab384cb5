/** What a source of calls says when all of them are taken. */
export interface Taken {
  /** Where the record of an offset stands, for people. */
  readonly placeOf: (offset: number) => string;
  /** What a person should know of it, a line each. */
  readonly notes: readonly string[];
}
