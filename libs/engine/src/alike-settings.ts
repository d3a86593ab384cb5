/** Policies that are alike, in columns: who knows 100,000 of them keeps some bytes of each, and no object. */
import type { TrafficSetting } from './control.ts';
import type { DocumentSet } from './ports.ts';

/** Texts of ASCII, each from its start up to its end where they lie in `bytes`, among whatever else. */
export interface TextColumn {
  readonly bytes: Buffer;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

/** Policies of one namespace that differ in name, upstream and version alone. */
export interface AlikeSettings {
  readonly size: number;
  /** One of them: what it says of all else, all of them say. */
  readonly like: TrafficSetting;
  readonly names: TextColumn;
  readonly upstreams: TextColumn;
  /** Made anew each time, without body. */
  at(index: number): TrafficSetting;
}

export function textAt({ bytes, starts, ends }: TextColumn, index: number): string {
  return bytes.toString('latin1', starts[index], ends[index]);
}

/** How many documents a set has. */
export function sizeOf({ documents, alike = [] }: Pick<DocumentSet, 'documents' | 'alike'>): number {
  return alike.reduce((sum, { size }) => sum + size, documents.length);
}
