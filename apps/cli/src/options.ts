/** Options and arguments that several commands have, and how they are read. */
import { InvalidArgumentError, Option } from 'commander';
import type { Output } from './output.ts';
import { MOMENT_ALLOWED, parseMoment } from './span.ts';

export function dataDir(): Option {
  return new Option('--data-dir <DIR>', "a data directory of `npm start` (default: the fleet's Kafka and Redis where FUSEBOARD_KAFKA_BROKERS or FUSEBOARD_REDIS_URL is set, else FUSEBOARD_DATA_DIR, or ./data)");
}

export const OUTPUTS: readonly Output[] = ['table', 'json', 'yaml'];

export function output(): Option {
  return new Option('-o, --output <FORMAT>', 'how it is shown').choices(OUTPUTS).default('table' satisfies Output);
}

export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}

export function moment(text: string): number {
  const ms = parseMoment(text, Date.now());
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError(`Allowed: ${MOMENT_ALLOWED}.`);
}

export function limit(text: string): number {
  const value = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 1 && value <= 1_000) return value;
  throw new InvalidArgumentError('Allowed: a whole number from 1 to 1000.');
}

export function seed(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Allowed: a whole number from 0 to 999999999.');
}

/** Of an option that may be given several times. */
export function collected<T>(read: (text: string) => T): (text: string, before: readonly T[]) => T[] {
  return (text, before) => [...before, read(text)];
}
