/** A data directory for who only looks, also while a process has it. */
import type { Drivers } from '../drivers.ts';
import { CheckpointTable } from './checkpoint-table.ts';
import { ControlTable } from './control-table.ts';
import { openToRead } from './data-directory.ts';
import { Database } from './database.ts';
import { EmbeddedReader } from './outcome-reader.ts';
import { OutcomeTable } from './outcome-table.ts';
import { PARTITIONS } from './partition.ts';
import { addLaterTables } from './schema.ts';
import { StateTable } from './state-table.ts';
import { EmbeddedTransitionHistory } from './transition-history.ts';

/** What there is to look at. */
export interface ReadOnlyDrivers extends Pick<Drivers, 'partitions' | 'reader' | 'control' | 'kept' | 'history' | 'checkpoints'> {
  close(): Promise<void>;
}

/** @throws {DataDirectoryError} there is none, or it is of another version */
export function openEmbeddedToRead(dataDir: string): ReadOnlyDrivers {
  const sqlite = openToRead(dataDir);
  const database = new Database(sqlite);
  const quiet = (): void => undefined;
  const hasCheckpoints = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'checkpoints'").get() !== undefined;
  // Written by an older version: none then, in this connection's own memory.
  if (!hasCheckpoints) addLaterTables(sqlite, 'TEMP');
  return {
    partitions: PARTITIONS,
    reader: new EmbeddedReader(new OutcomeTable(database, Date.now), quiet),
    control: new ControlTable(database, { now: Date.now, onError: quiet }),
    kept: new StateTable(database, quiet),
    history: new EmbeddedTransitionHistory(database),
    checkpoints: new CheckpointTable(database, Date.now),
    close: async () => sqlite.close(),
  };
}
