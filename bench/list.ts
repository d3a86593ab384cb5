/**
 * 100,000 breakers listed by gRPC, page by page, from a console that has them in memory: a process as in production, asked by a
 * client that holds one connection; beside it a bare grpc-js server that has the same answers ready. Goal: 2 s in all.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { credentials } from '@grpc/grpc-js';
import type { Snapshot } from '#engine';
import { formatAddress } from '#runtime';
import { eventually } from '../test/support/eventually.ts';
import { PARTITIONS, openBenchFleet, type BenchFleet } from './fleet.ts';
import { breakerService, type BreakerClient, type ListedPage } from './breaker-service.ts';
import { cpuSeconds } from './proxy-subjects.ts';
import { numbered } from './proxy-world.ts';

const BREAKERS = numbered('BENCH_BREAKERS', 100_000);
const ROUNDS = numbered('BENCH_ROUNDS', 7);
const PAGE_SIZE = 1_000;

export interface ListRow {
  readonly who: string;
  readonly breakers: number;
  /** All pages, one after the other; the best round, ms. */
  readonly allMs: number;
  /** The whole round's, of who answers, ms. */
  readonly cpuMs: number;
}

export async function run(): Promise<ListRow[]> {
  const fleet = await openBenchFleet('');
  const peer = fork(fileURLToPath(new URL(`list-peer${extname(import.meta.url)}`, import.meta.url)));
  try {
    await commitAll(fleet);
    const console = await fleet.stage.console();
    const of = clientOf(formatAddress(console.grpc));
    const pages = await eventually(async () => await listed(of).catch(() => undefined), { what: 'the console to know all', deadlineMs: 60_000, everyMs: 200 });
    peer.send(pages);
    const [{ port }] = (await once(peer, 'message')) as [{ port: number }];
    const subjects = [{ who: 'bare grpc-js', client: clientOf(`127.0.0.1:${port}`), pid: peer.pid as number }, { who: 'console', client: of, pid: console.pid }];
    const rows = await measured(subjects);
    print(rows);
    return rows;
  } finally {
    peer.kill();
    await fleet.close();
  }
}

interface Subject {
  readonly who: string;
  readonly client: BreakerClient;
  readonly pid: number;
}

/** In turns. */
async function measured(subjects: readonly Subject[]): Promise<ListRow[]> {
  const best = new Map<Subject, ListRow>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const subject of subjects) {
      const [cpu, sinceMs] = [cpuSeconds(subject.pid), performance.now()];
      const breakers = (await listed(subject.client)).reduce((sum, page) => sum + page.breakers.length, 0);
      const row = { who: subject.who, breakers, allMs: performance.now() - sinceMs, cpuMs: (cpuSeconds(subject.pid) - cpu) * 1_000 };
      if (row.allMs < (best.get(subject)?.allMs ?? Infinity)) best.set(subject, row);
    }
  }
  return subjects.map((subject) => best.get(subject) as ListRow);
}

async function listed(client: BreakerClient): Promise<ListedPage[]> {
  const pages: ListedPage[] = [];
  for (let token = ''; pages.length === 0 || token !== ''; ) {
    const page = await new Promise<ListedPage>((resolve, reject) => {
      client.ListBreakers({ page_size: PAGE_SIZE, page_token: token }, (error, answer) => (error === null ? resolve(answer) : reject(error)));
    });
    pages.push(page);
    token = page.next_page_token;
  }
  const breakers = pages.reduce((sum, page) => sum + page.breakers.length, 0);
  if (breakers !== BREAKERS) throw new Error(`${breakers} of ${BREAKERS} were listed`);
  return pages;
}

function clientOf(address: string): BreakerClient {
  return new (breakerService())(address, credentials.createInsecure());
}

/** As ingests commit them. */
async function commitAll(fleet: BenchFleet): Promise<void> {
  const { states } = await fleet.openDrivers('committing');
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const { epoch } = await states.claim(partition, 'bench');
    const snapshots = Array.from({ length: BREAKERS }, (_, n) => n).filter((n) => n % PARTITIONS === partition).map(snapshotOf);
    const answer = await states.commit({ partition, epoch, expected: null, next: 1, group: 'bench', incarnation: 1, commitId: '1', clockMs: Date.now(), control: -1, snapshots, outbox: [], ids: [] });
    if (answer.kind !== 'OK') throw new Error(`the commit was answered ${answer.kind}`);
  }
}

function snapshotOf(n: number): Snapshot {
  const policy = { name: `service-${n}`, namespace: 'bench', version: '0123456789ab' };
  const window = { startedAtMs: Date.now(), total: n, errors: n % 7, slow: n % 5 };
  return { upstream: `service-${n}.bench.svc.cluster.local`, incarnation: 1, next: 1, generation: 1, state: 'closed', admit: 1, sinceMs: Date.now(), window, policy };
}

function print(rows: readonly ListRow[]): void {
  const peer = rows[0] as ListRow;
  console.table(rows.map(({ who, breakers, allMs, cpuMs }) => ({
    who,
    breakers,
    'all pages, ms': Math.round(allMs),
    '× bare grpc-js': Number((allMs / peer.allMs).toFixed(2)),
    'its CPU, ms': Math.round(cpuMs),
  })));
}
