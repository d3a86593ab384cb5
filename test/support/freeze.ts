/** SIGSTOP, and the moment from which it holds: a busy machine stops a process's threads one by one. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { eventually } from './eventually.ts';

/** Settles when no thread of the process runs any more. */
export async function freeze(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks)) return;
  const isStill = (): boolean => readdirSync(tasks).every((task) => isStopped(readFileSync(`${tasks}/${task}/stat`, 'utf8')));
  await eventually(() => (isStill() ? true : undefined), { what: `process ${pid} to stand still` });
}

/** The state stands behind the name, which is in brackets and may hold anything. */
function isStopped(stat: string): boolean {
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
}
