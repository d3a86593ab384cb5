/** The embedded log has one partition. */
export const PARTITION = 0;
export const PARTITIONS = 1;

/** Any other partition is a bug of the caller's. */
export function assertPartition(partition: number): void {
  if (partition !== PARTITION) throw new RangeError(`assertion: the embedded driver has partition ${PARTITION} only, not ${partition}`);
}
