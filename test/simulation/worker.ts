/** A thread of `Workers`: lives what it is told to, one life at a time. */
import { parentPort } from 'node:worker_threads';
import { live } from './life.ts';
import { shrink } from './shrink.ts';
import type { Task } from './workers.ts';

parentPort?.on('message', (task: Task) => {
  const done = task.kind === 'live' ? live(task.options) : shrink(task.options, task.livesMax);
  // A rejection ends the thread with an error, which says which seed it was.
  void done.then((answer) => parentPort?.postMessage(answer, []));
});
