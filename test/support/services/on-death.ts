/** What must be undone even where this process is killed and can undo nothing itself. */
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/** Waits until its standard input is closed, which the kernel does when this process is gone, then runs its arguments. */
const GUARD = 'while read -r line; do :; done; "$@" >/dev/null 2>&1';

/**
 * Runs `command` when this process has ended, however it ended (SIGKILL too). Gives what calls that off. It is a session
 * of its own, so that a Ctrl-C in the terminal doesn't end it before its time.
 */
export function onDeath(command: readonly string[]): () => void {
  const guard = spawn('/bin/sh', ['-c', GUARD, 'fuseboard-test-guard', ...command], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  guard.on('error', () => undefined).unref();
  // A pipe is a socket here: neither it nor its process keeps this process alive.
  (guard.stdin as Socket).on('error', () => undefined).unref();
  return () => {
    guard.kill('SIGKILL');
    guard.stdin.destroy();
  };
}
