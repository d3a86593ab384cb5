/**
 * Structured log: JSON lines, or for a person at a terminal readable ones. To standard output, written before the call
 * returns, so that nothing is lost when the process ends at once.
 */
import { createRequire } from 'node:module';
import { pino, type DestinationStream, type Logger } from 'pino';
import type { LogLevel } from './settings.ts';

export type { Logger } from 'pino';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** In every line: which process, and which of them. */
  readonly process: string;
  readonly instance: string;
  /** Readable lines in place of JSON; default: whether standard output is a terminal. */
  readonly pretty?: boolean;
  /** Where lines go; default standard output. */
  readonly destination?: DestinationStream;
}

/** Belt and braces: secrets are of type Secret, which prints as `[redacted]`, and these names never print. */
const REDACTED = ['token', '*.token', 'password', '*.password', 'authorization', '*.authorization'];

/** Fields that a line for a person leaves out: its sentence says them already. JSON lines have them all. */
const SAID_IN_WORDS = 'pid,hostname,process,instance,transition,incarnation,change,address,reason,answer,partition,route,field,hook';

export function createLogger(options: LoggerOptions): Logger {
  const readable = options.pretty ?? process.stdout.isTTY;
  const destination = options.destination ?? pino.destination({ fd: 1, sync: true });
  return pino(
    {
      level: options.level,
      base: { process: options.process, instance: options.instance },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: REDACTED, censor: '[redacted]' },
    },
    readable ? readably(destination) : destination,
  );
}

/** Formats and writes before it returns, as a stream of pino-pretty's own would not. */
function readably(destination: DestinationStream): DestinationStream {
  // Loaded where somebody reads.
  const { prettyFactory } = createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty');
  const format = prettyFactory({ colorize: process.stdout.isTTY, translateTime: 'SYS:HH:MM:ss.l', ignore: SAID_IN_WORDS });
  return { write: (line) => void destination.write(format(line) ?? '') };
}
