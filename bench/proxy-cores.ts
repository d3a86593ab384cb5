/**
 * Proxies have a core to themselves, load and upstream the others: whether a call wakes a process on its own core or on
 * another makes more of a difference than most proxies do. By `taskset`; without it everybody is where the kernel likes.
 */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Of the machine: read before this process keeps to some. */
export const CORES = availableParallelism();

/** Every thread of them; children that come later are where their parent is. */
export function keepTo(pids: readonly number[], [first, last]: readonly [first: number, last: number]): void {
  if (CORES < 2) return;
  for (const pid of pids) spawnSync('taskset', ['--all-tasks', '--cpu-list', '--pid', `${first}-${last}`, `${pid}`]);
}

/** The last ones are the proxies'. */
export function keepApart({ proxies, others, cores = 1 }: { readonly proxies: readonly number[]; readonly others: readonly number[]; readonly cores?: number }): void {
  keepTo(proxies, [CORES - cores, CORES - 1]);
  keepTo([process.pid, ...others], [0, CORES - cores - 1]);
}

/** This process may be anywhere again, and whom it starts. */
export function keepNowhere(): void {
  keepTo([process.pid], [0, CORES - 1]);
}
