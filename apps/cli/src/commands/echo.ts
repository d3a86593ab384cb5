/** `fuseboard echo`: the demo upstream as a process of its own. */
import { formatAddress, type Address } from '#runtime';
import { startEcho } from '../echo/server.ts';

export interface EchoCommandOptions {
  readonly listen: Address;
  readonly seed?: number;
}

/** Until SIGINT or SIGTERM. */
export async function echo(options: EchoCommandOptions): Promise<void> {
  const server = await startEcho(options);
  const url = `http://${formatAddress(server.address)}/echo`;
  process.stdout.write(`echo listens on ${formatAddress(server.address)}; try: curl -i '${url}?status=511:20&delay=200ms:20'\n`);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  await server.close();
}
