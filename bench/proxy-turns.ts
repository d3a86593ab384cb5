/**
 * Rounds on a machine that does other things too: all are measured in turns, what was disturbed is measured again, and
 * the least disturbed rounds count.
 */
import { readFileSync } from 'node:fs';
import { TICKS_PER_SECOND, cpuSeconds, endedChildrenCpuSeconds } from './proxy-subjects.ts';

/** Cores that others may keep busy meanwhile, the host's other guests included, before a measurement is done again. */
const OTHERS_MAX = 0.15;

export interface Disturbed {
  /** CPU seconds a second that went to others than the benchmark's processes. */
  readonly othersCores: number;
}

export function isCalm({ othersCores }: Disturbed): boolean {
  return othersCores <= OTHERS_MAX;
}

/** Runs it, and tells how much others had of the machine meanwhile. */
export async function watched<T>(run: () => Promise<T>): Promise<T & Disturbed> {
  const from = { othersS: othersSeconds(), ms: performance.now() };
  const result = await run();
  return { ...result, othersCores: Math.max(0, (othersSeconds() - from.othersS) * 1_000) / (performance.now() - from.ms) };
}

/** All that the machine did, less this process, those below it, and those that were. */
function othersSeconds(): number {
  const [user = 0, nice = 0, system = 0, , , , , steal = 0] = /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1]?.split(' ').map(Number) ?? [];
  return (user + nice + system + steal) / TICKS_PER_SECOND - cpuSeconds(process.pid) - endedChildrenCpuSeconds();
}

/**
 * As many rounds of each, in turns; what was disturbed is measured up to as often again.
 *
 * @returns for each its least disturbed rounds.
 */
export async function inTurns<K, T extends Disturbed>(keys: readonly K[], { rounds, measure }: { readonly rounds: number; readonly measure: (key: K) => Promise<T> }): Promise<Map<K, T[]>> {
  const all = new Map(keys.map((key) => [key, [] as T[]]));
  for (let round = 0; round < 2 * rounds; round++) {
    for (const [key, measured] of all) if (measured.filter(isCalm).length < rounds) measured.push(await measure(key));
  }
  return new Map([...all].map(([key, measured]) => [key, measured.toSorted((a, b) => a.othersCores - b.othersCores).slice(0, rounds)]));
}

/** For people, where figures are marked with ~. */
export function sayDisturbed(rows: readonly Disturbed[]): void {
  const most = Math.max(...rows.map(({ othersCores }) => othersCores));
  if (!rows.every(isCalm)) console.log(`~: others kept up to ${most.toFixed(2)} cores busy meanwhile; such figures are little evidence`);
}
