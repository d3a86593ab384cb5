/** K4: a (reporter, id) pair seen at `offset`, as a 64-bit hash. */
export interface RememberedId {
  /** 0 to 2^64 - 1. */
  readonly hash: bigint;
  readonly offset: number;
}
