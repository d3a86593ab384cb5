/** The flags of `npm run sim`, read once. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { RATES, type Rates } from './profile.ts';

export interface SimulationFlags {
  /** Of the first life; absent: drawn. */
  readonly seed: number | undefined;
  readonly seeds: number;
  /** Lives more, from a seed that is drawn. */
  readonly fresh: number;
  readonly isForever: boolean;
  /** Ends with the first that breaks an invariant. */
  readonly isOverAtFirst: boolean;
  readonly steps: number;
  readonly only: ReadonlySet<number> | undefined;
  readonly without: readonly (keyof Rates)[];
  readonly isTraced: boolean;
  readonly workers: number;
  /** Lives that may be lived to make a schedule shorter; 0: it stays as it is. */
  readonly shrink: number;
}

/** @throws Error that names the flag and what is allowed */
export function flagsFrom(args: readonly string[]): SimulationFlags {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string', default: '1' },
      fresh: { type: 'string', default: '0' },
      forever: { type: 'boolean', default: false },
      bail: { type: 'boolean', default: false },
      steps: { type: 'string', default: '5000' },
      only: { type: 'string' },
      without: { type: 'string' },
      trace: { type: 'boolean', default: false },
      workers: { type: 'string', default: String(availableParallelism()) },
      shrink: { type: 'string', default: '400' },
    },
  });
  const { seed, only, without } = values;
  return {
    seed: seed === undefined ? undefined : wholeNumber('seed', seed),
    seeds: wholeNumber('seeds', values.seeds),
    fresh: wholeNumber('fresh', values.fresh),
    isForever: values.forever,
    isOverAtFirst: values.bail || values.forever,
    steps: wholeNumber('steps', values.steps, 1),
    only: only === undefined ? undefined : new Set(only === 'none' ? [] : only.split(',').map((each) => wholeNumber('only', each))),
    without: without === undefined ? [] : without.split(',').map(rateFrom),
    isTraced: values.trace,
    workers: wholeNumber('workers', values.workers, 1),
    shrink: wholeNumber('shrink', values.shrink),
  };
}

function wholeNumber(name: string, text: string, least = 0): number {
  const number = Number(text);
  if (text === '' || !Number.isSafeInteger(number) || number < least) throw new Error(`--${name}: found ${text}, allowed: a whole number from ${least} on`);
  return number;
}

function rateFrom(text: string): keyof Rates {
  const rate = RATES.find((each) => each === text);
  if (rate === undefined) throw new Error(`--without: found ${text}, allowed: ${RATES.join()}`);
  return rate;
}
