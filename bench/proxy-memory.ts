/**
 * Resident memory with many idle client connections: of each proxy's own processes, warmed up, before and after so many
 * connections were opened that have each made one call and stay open. Goal: at most twice nginx's and 60 MB.
 */
import { startCast } from './proxy-cast.ts';
import type { HoldOrder } from './proxy-hold.ts';
import { openLoad } from './proxy-load.ts';
import { BenchStage, heard, residentBytes } from './proxy-subjects.ts';
import { numbered } from './proxy-world.ts';

const CONNECTIONS = 10_000;
const WARM_UP = { work: 'forward', connections: 64, durationS: 2 } as const;
/** Until freed memory has gone back, ms. */
const SETTLES_MS = 2_000;
/** Not haproxy, which wants two descriptors for each connection: more than a process is allowed on many machines. */
const PEERS = ['nginx', 'envoy', 'node:http + undici', 'http-proxy-3'];
const GOAL = { timesNginx: 2, plusBytes: 60e6 };

export interface MemoryRow {
  readonly proxy: string;
  readonly beforeBytes: number;
  readonly withConnectionsBytes: number;
  readonly bytesPerConnection: number;
}

export async function run(): Promise<MemoryRow[]> {
  const stage = new BenchStage();
  try {
    const { ours, peers } = await startCast(stage, { peers: PEERS });
    const connections = numbered('BENCH_HELD', CONNECTIONS);
    const load = openLoad(stage);
    const rows: MemoryRow[] = [];
    for (const { name, pid, port } of [...ours, ...peers]) {
      await load.run({ ...WARM_UP, port });
      await settled();
      const beforeBytes = residentBytes(pid);
      const holder = stage.fork('hold');
      holder.send({ port, connections } satisfies HoldOrder);
      await heard(holder, 'held');
      await settled();
      const withConnectionsBytes = residentBytes(pid);
      rows.push({ proxy: name, beforeBytes, withConnectionsBytes, bytesPerConnection: (withConnectionsBytes - beforeBytes) / connections });
      holder.disconnect();
    }
    print(rows, connections);
    return rows;
  } finally {
    await stage.close();
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SETTLES_MS));
}

function print(rows: readonly MemoryRow[], connections: number): void {
  const nginx = rows.find(({ proxy }) => proxy === 'nginx');
  const goalBytes = nginx === undefined ? Number.NaN : GOAL.timesNginx * nginx.withConnectionsBytes + GOAL.plusBytes;
  console.log(`resident memory with ${connections} idle connections, MB; goal: 2 × nginx's + 60 = ${megabytes(goalBytes)}`);
  console.table(rows.map(({ proxy, beforeBytes, withConnectionsBytes, bytesPerConnection }) => ({
    proxy,
    before: megabytes(beforeBytes),
    'with them': megabytes(withConnectionsBytes),
    'kB a connection': Number((bytesPerConnection / 1e3).toFixed(1)),
  })));
}

const megabytes = (bytes: number): number => Number((bytes / 1e6).toFixed(1));
