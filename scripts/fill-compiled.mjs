/**
 * `node scripts/fill-compiled.mjs` starts each process once, with nothing in reach, and ends it: what V8 made of its modules is
 * kept then (launch.mjs). For images, which are read-only where they run.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ROOT } from './build.mjs';

const NOWHERE = '127.0.0.1:1';
const ANY_PORT = '127.0.0.1:0';
const LISTENING = { FUSEBOARD_ADMIN_LISTEN: ANY_PORT, FUSEBOARD_PROXY_LISTEN: ANY_PORT, FUSEBOARD_CONSOLE_LISTEN: ANY_PORT, FUSEBOARD_GRPC_LISTEN: ANY_PORT };
const FLEET = { ...LISTENING, FUSEBOARD_KAFKA_BROKERS: NOWHERE, FUSEBOARD_REDIS_URL: `redis://${NOWHERE}` };
/** Each with the last line of its start. */
const PROGRAMS = [
  { args: ['ingest'], env: FLEET, last: 'admin: ' },
  { args: ['proxy'], env: FLEET, last: 'proxy: ' },
  { args: ['console'], env: FLEET, last: 'gRPC: ' },
  { args: ['standalone', '--data', ':memory:', '--no-demo'], env: LISTENING, last: 'gRPC: ' },
];

for (const { args, env, last } of PROGRAMS) {
  const child = spawn(process.execPath, [join(ROOT, 'scripts/run.mjs'), ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said += text;
    if (said.includes(last)) child.kill('SIGTERM');
  });
  const [code] = await ended;
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}:\n${said}`);
}
