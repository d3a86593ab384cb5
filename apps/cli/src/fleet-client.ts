/** `fuseboard.v1.FleetService`, as a client has it. */
import type { CallOptions, Client, Metadata, ServiceError } from '@grpc/grpc-js';
import type { ProcessMessage } from '#wire';
import { failureOf, type Connection } from './connection.ts';
import { ANSWER_MS, consoleServices } from './console-services.ts';

interface FleetService extends Client {
  ListProcesses(request: FleetRequest, metadata: Metadata, options: CallOptions, done: (error: ServiceError | null, answer: FleetAnswer) => void): void;
}

export interface FleetRequest {
  /** Words that must all be in its name, host, version or roles; '': any. */
  readonly search: string;
  /** 1 to PROCESSES_MAX. */
  readonly limit: number;
}

/** What an answer holds at most. */
export const PROCESSES_MAX = 1_000;

export interface FleetAnswer {
  /** The silent and the unready first. */
  readonly processes: readonly Process[];
  readonly summary: FleetSummary;
}

export type Process = ProcessMessage & { readonly age_ms: number };

export interface FleetSummary {
  readonly silent: number;
  readonly unready: number;
  readonly unowned: readonly number[];
  readonly found: number;
}

const SILENT_AFTER_MS = 10_000;

export function isSilent({ age_ms: ageMs }: Pick<Process, 'age_ms'>): boolean {
  return ageMs > SILENT_AFTER_MS;
}

/** @throws {Failure} */
export async function listProcesses(connection: Connection, request: FleetRequest): Promise<FleetAnswer> {
  const { metadata, make } = consoleServices(connection);
  const service = make('FleetService') as FleetService;
  try {
    return await new Promise((resolve, reject) => {
      service.ListProcesses(request, metadata, { deadline: Date.now() + ANSWER_MS }, (error, answer) => (error === null ? resolve(answer) : reject(failureOf(error, connection))));
    });
  } finally {
    service.close();
  }
}
