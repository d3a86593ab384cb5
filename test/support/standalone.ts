/** `npm start`'s process on free ports; it is ready when `/readyz` says so. */
import { Program, type Address } from './program.ts';

export interface Addresses {
  readonly proxy: Address;
  readonly console: Address;
  readonly grpc: Address;
}

export interface StandaloneOptions {
  /** Absent: no documents of one's own. */
  readonly configDir?: string;
  readonly dataDir: string;
  /** Default: no. */
  readonly demo?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** Where another one was; default: free ports. */
  readonly addresses?: Addresses;
  /** How long until it must be ready, a build included, ms. */
  readonly readyWithinMs?: number;
}

export interface Standalone extends Program {
  readonly addresses: Addresses;
}

/** @throws Error with all that it printed, if it ends or isn't ready in time. */
export async function startStandalone({ configDir, dataDir, demo = false, env = {}, addresses, readyWithinMs }: StandaloneOptions): Promise<Standalone> {
  const at = (of: keyof Addresses): string => `127.0.0.1:${addresses?.[of].port ?? 0}`;
  const args = ['--data', dataDir, '--proxy', at('proxy'), '--console', at('console'), '--grpc', at('grpc')];
  if (configDir !== undefined) args.push('--config', configDir);
  if (!demo) args.push('--no-demo');
  const program = new Program({ name: 'standalone', args, env });
  const console = await program.untilReady('console', readyWithinMs);
  const [proxy, grpc] = [program.address('proxy'), program.address('gRPC')];
  if (proxy === undefined || grpc === undefined) throw new Error(`it is ready and has not said where it listens:\n${program.output}`);
  return Object.assign(program, { addresses: { proxy, console, grpc } });
}
