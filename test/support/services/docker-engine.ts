/** Is there a Docker engine? Asked by the command line client, which also clears up after a run that was killed. */
import { spawnSync } from 'node:child_process';

const ANSWER_WITHIN_MS = 5_000;

/** Why there is none, or undefined where one answers. */
export function dockerMissing(): string | undefined {
  const { status, stderr, error } = spawnSync('docker', ['version', '--format', '{{.Server.Version}}'], { timeout: ANSWER_WITHIN_MS, encoding: 'utf8' });
  if (status === 0) return undefined;
  if (error === undefined) return `no Docker engine answers (${stderr.trim().split('\n').at(-1)})`;
  return 'code' in error && error.code === 'ENOENT' ? 'no docker on PATH' : `no Docker engine answers (${error.message})`;
}
