/** What is otherwise than the log says, for people and programs. */

/** Of a partition; what is more is counted only. */
const DIFFERENCES_MAX = 1_000;

export interface Difference {
  readonly partition: number;
  /** Absent: of the partition as a whole. */
  readonly upstream?: string;
  /** First offset of the outcomes log at which the two paths differ, as far as that can be told. */
  readonly offset: number;
  readonly text: string;
}

export class Differences {
  readonly found: Difference[] = [];
  omitted = 0;
  readonly #partition: number;

  constructor(partition: number) {
    this.#partition = partition;
  }

  add(offset: number, text: string, upstream?: string): void {
    if (this.found.length >= DIFFERENCES_MAX) this.omitted++;
    else this.found.push({ partition: this.#partition, offset, text, ...(upstream === undefined ? {} : { upstream }) });
  }
}

/** `until: 12 in the store, 15 by the log` for each field that differs, nested ones by their path. Empty: equal. */
export function fieldsApart(store: unknown, log: unknown, [ofStore, ofLog]: readonly [string, string] = ['in the store', 'by the log']): string[] {
  return leavesApart(store, log, '').map(({ path, store: its, log: others }) => `${path}: ${shown(its)} ${ofStore}, ${shown(others)} ${ofLog}`);
}

interface LeafApart {
  readonly path: string;
  readonly store: unknown;
  readonly log: unknown;
}

function leavesApart(store: unknown, log: unknown, path: string): LeafApart[] {
  if (!isObject(store) || !isObject(log)) return Object.is(store, log) ? [] : [{ path, store, log }];
  const names = [...new Set([...Object.keys(store), ...Object.keys(log)])];
  return names.flatMap((name) => leavesApart(store[name], log[name], path === '' ? name : `${path}.${name}`));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
