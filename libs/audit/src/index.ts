/** Proof and repair from the log: what stands in store and transitions compared with the fold, made again, replayed. */
export type { Difference } from './difference.ts';
export { rebuildPartition, type RebuildPorts, type RebuildReport } from './rebuild.ts';
export { replay, Unreplayable, type ReplayLine } from './replay.ts';
export { verify, type PartitionReport } from './verify.ts';
export type { AuditOptions, AuditPorts } from './ports.ts';
