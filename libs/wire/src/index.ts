export { decodeControl, encodeControl } from './control.ts';
export { readDocument } from './documents/document.ts';
export type { FieldNote } from './documents/document.ts';
export { formatDuration, parseGoDuration } from './documents/duration.ts';
export * from './entry.ts';
export { UnreadableRecord } from './fields.ts';
export { murmur2, partitionOf } from './partition.ts';
export { decodeSnapshot, encodeSnapshot } from './snapshot.ts';
export { decodeTransition, encodeTransition } from './transition.ts';
