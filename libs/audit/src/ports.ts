/** What an audit looks at: the engine's ports, as far as they only read. */
import type { CheckpointLog, ControlLog, LogBounds, OutcomeReader, StateReader, TransitionHistory } from '#engine';

export interface AuditPorts {
  readonly partitions: number;
  readonly reader: Pick<OutcomeReader, 'bounds' | 'read'>;
  readonly control: Pick<ControlLog, 'read'>;
  readonly kept: StateReader;
  readonly history: TransitionHistory;
  readonly checkpoints: Pick<CheckpointLog, 'find'>;
}

export interface AuditOptions {
  /** L2. */
  readonly partitionOf: (upstream: string) => number;
  /** T2: as the ingests have it, or the fold is another one; ms. */
  readonly lateAfterMs: number;
  /** K4: as the ingests have it; default: as they have it. */
  readonly idsMax?: number;
  /** How much is done, 0 to 1; told as often as one likes. */
  readonly onProgress?: (share: number) => void;
}

/** Of which partition, and how long its log was when that was asked. */
export interface PartitionLog {
  readonly partition: number;
  readonly bounds: LogBounds;
}
