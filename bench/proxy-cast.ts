/** Who is measured: ours, and the peers that the machine has; `BENCH_SUBJECTS` and `BENCH_PEERS` name fewer. */
import { keepApart } from './proxy-cores.ts';
import { openProxyFleet } from './proxy-fleet.ts';
import { PEER_NAMES, startPeer } from './proxy-peers.ts';
import { profiled } from './proxy-profile.ts';
import { heard, processesOf, type BenchStage, type Subject } from './proxy-subjects.ts';
import { chosen } from './proxy-world.ts';

/** `fuseboard` is the process of production, `library` the data plane in it alone. */
const OURS = ['fuseboard', 'library'] as const;
const NODE_PEERS = ['node:http + undici', 'http-proxy-3'];

export interface Cast {
  /** The upstream itself, as if it were a proxy. */
  readonly direct: Subject;
  readonly ours: readonly Subject[];
  readonly peers: readonly Subject[];
}

/** The upstream, and in front of it who is named; all of them without names. */
export async function startCast(stage: BenchStage, only: { readonly ours?: readonly string[]; readonly peers?: readonly string[] } = {}): Promise<Cast> {
  const direct = { ...(await startRole(stage, 'upstream')), name: 'direct' };
  const upstream = `127.0.0.1:${direct.port}`;
  const ours: Subject[] = [];
  for (const name of chosen('BENCH_SUBJECTS', OURS)) {
    if (only.ours?.includes(name) === false) continue;
    ours.push(name === 'fuseboard' ? await (await openProxyFleet(stage, upstream)).start(1) : await startRole(stage, name, upstream));
  }
  const peers: Subject[] = [];
  for (const name of chosen('BENCH_PEERS', [...PEER_NAMES, ...NODE_PEERS])) {
    if (only.peers?.includes(name) === false) continue;
    const peer = NODE_PEERS.includes(name) ? await startNodePeer(stage, name, upstream) : await startPeer(stage, name, upstream);
    if (peer !== undefined) peers.push(peer);
  }
  keepApart({ proxies: [...ours, ...peers].flatMap(({ pid }) => processesOf(pid)), others: [direct.pid] });
  return { direct, ours, peers };
}

async function startNodePeer(stage: BenchStage, name: string, upstream: string): Promise<Subject | undefined> {
  try {
    return await startRole(stage, name, upstream);
  } catch {
    console.log(`${name} is left out: it could not be started`);
    return undefined;
  }
}

async function startRole(stage: BenchStage, name: string, ...args: string[]): Promise<Subject> {
  const child = stage.fork(name, args, name === 'library' ? profiled().nodeArgs : []);
  const { port } = await heard(child, 'ready');
  return { name, pid: child.pid ?? 0, port };
}
