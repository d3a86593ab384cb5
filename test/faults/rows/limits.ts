/** No room: Redis' memory, Redis' disk, the broker's disk. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { eventually } from '../../support/eventually.ts';
import { run } from '../../support/command.ts';
import { isReady } from '../../support/program.ts';
import { prepareKafka } from '../../support/services/kafka-files.ts';
import { onDeath } from '../../support/services/on-death.ts';
import { NotRun, claim, type Row, type Seen } from '../row.ts';
import type { Stage } from '../stage.ts';
import type { World } from '../world.ts';

const BACK_GOAL_SECONDS = 10;

/** A small file system of its own. @throws NotRun where this user may not have one */
class SmallDisk {
  readonly folder = mkdtempSync(join(tmpdir(), 'fuseboard-small-'));
  readonly #release = onDeath(['/bin/sh', '-c', `umount -l '${this.folder}'; rm -rf '${this.folder}'`]);

  constructor(megabytes: number) {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', this.folder], { stdio: 'pipe' });
    } catch (error) {
      throw new NotRun(`a small file system can't be mounted here: ${String((error as { readonly stderr?: Buffer }).stderr ?? error).trim()}`);
    }
  }

  get #filler(): string {
    return join(this.folder, 'filler');
  }

  /** Until not a byte is left. */
  fill(): void {
    try {
      writeFileSync(this.#filler, Buffer.alloc(512 * 1024 * 1024));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }

  empty(): void {
    rmSync(this.#filler);
  }

  async close(): Promise<void> {
    execFileSync('umount', ['-l', this.folder], { stdio: 'pipe' });
    rmSync(this.folder, { recursive: true, force: true });
    this.#release();
  }
}

async function isNotReady({ ingests }: World): Promise<void> {
  const ingest = ingests[0] as World['ingests'][number];
  await eventually(async () => !(await isReady(ingest.admin)) || undefined, { what: 'the ingest to say that it is not ready' });
}

const said = ({ ingests }: World, part: string): boolean => ingests.some(({ output }) => output.includes(part));

async function memoryFull(stage: Stage): Promise<Seen> {
  const redis = await stage.redis();
  const world = await stage.world({ redisUrl: redis.url });
  const client = new Redis(redis.url);
  try {
    await world.afterCalm(() => client.config('SET', 'maxmemory', '1mb'));
    await isNotReady(world);
    await sleep(1_000 * stage.lasting(15, 4));
    claim(said(world, 'OOM'), 'the ingest says why: OOM');
    await client.config('SET', 'maxmemory', '0');
  } finally {
    client.disconnect();
  }
  const seconds = await world.handOver();
  return await world.proven('the ingest was not ready and said OOM', { figures: [{ what: 'lag zero once there is room', seconds, goalSeconds: BACK_GOAL_SECONDS }] });
}

async function evicting(stage: Stage): Promise<Seen> {
  const redis = await stage.redis();
  const world = await stage.world({ redisUrl: redis.url });
  const client = new Redis(redis.url);
  try {
    await world.afterCalm(() => client.config('SET', 'maxmemory-policy', 'allkeys-lru'));
    const refused = await world.fleet.ingest().then(async (started) => `code ${await started.ended}\n${started.output}`, (error: Error) => error.message);
    claim(refused.includes('maxmemory-policy'), `an ingest that starts is refused, and told why: ${refused.slice(0, 300)}`);
    // What an eviction would do: whole keys go, whatever stays beside them.
    const kinds = ['meta', 'snapshots', 'ids', 'outbox'];
    await client.del(...kinds.map((kind, partition) => `${world.prefix}:{${partition}}:${kind}`));
    await client.config('SET', 'maxmemory-policy', 'noeviction');
  } finally {
    client.disconnect();
  }
  const seconds = await world.handOver();
  const [found, repaired] = [await run(['verify'], { env: world.env }), await run(['rebuild'], { env: world.env })];
  claim(found.status === 3, `verify finds what is missing; it ended with ${found.status}`);
  claim(repaired.status === 0, `rebuild repairs it; it ended with ${repaired.status}: ${repaired.stderr}`);
  return await world.proven('a new ingest was refused; verify found the keys that were dropped, rebuild made them again', { figures: [{ what: 'until folded on', seconds, goalSeconds: BACK_GOAL_SECONDS }] });
}

async function redisDiskFull(stage: Stage): Promise<Seen> {
  const disk = stage.atEnd(new SmallDisk(64));
  const redis = await stage.redis({ args: ['--dir', disk.folder, '--appendonly', 'yes', '--appendfsync', 'everysec', '--auto-aof-rewrite-percentage', '0'] });
  const world = await stage.world({ redisUrl: redis.url });
  await world.afterCalm(() => disk.fill());
  await isNotReady(world);
  await sleep(1_000 * stage.lasting(10, 4));
  claim(said(world, 'MISCONF'), 'the ingest says why: MISCONF');
  disk.empty();
  const seconds = await world.handOver();
  return await world.proven('the ingest was not ready and said MISCONF', { figures: [{ what: 'lag zero once there is room', seconds, goalSeconds: BACK_GOAL_SECONDS }] });
}

async function brokerDiskFull(stage: Stage): Promise<Seen> {
  const disk = stage.atEnd(new SmallDisk(256));
  const data = join(disk.folder, 'data');
  cpSync((await prepareKafka()).template, data, { recursive: true });
  const kafka = await stage.kafka({ settings: { 'log.dirs': data } });
  const world = await stage.world({ kafkaBrokers: kafka.brokers });
  await world.afterCalm(() => disk.fill());
  await isNotReady(world);
  const before = world.ledger.total;
  await sleep(1_000 * stage.lasting(10, 4));
  const taken = world.ledger.total - before;
  disk.empty();
  await kafka.stop('SIGKILL');
  await kafka.start();
  const seconds = await world.handOver();
  return await world.proven(`${taken} outcomes acknowledged while the disk was full; the broker was started again`, { figures: [{ what: 'lag zero after that', seconds, goalSeconds: BACK_GOAL_SECONDS }] });
}

export const LIMITS: readonly Row[] = [
  {
    id: 'redis-memory-full',
    fault: 'maxmemory is reached',
    how: 'CONFIG SET maxmemory below what is used, 15 s later without a limit',
    promised: 'commits fail as a whole and are tried again; not ready, and said why; nothing lost',
    run: memoryFull,
  },
  {
    id: 'redis-evicts',
    fault: 'the wrong eviction policy, and keys dropped',
    how: 'CONFIG SET maxmemory-policy allkeys-lru, an ingest that starts, and a key of each kind deleted, as evictions do',
    promised: 'the start is refused and says why; `fuseboard verify` finds what was dropped, `fuseboard rebuild` makes it again',
    run: evicting,
  },
  {
    id: 'redis-disk-full',
    fault: 'the disk of Redis’ append-only file is full',
    how: 'a file fills its small file system',
    promised: 'MISCONF: nothing is acknowledged that is not kept; not ready, and said why; goes on when there is room',
    run: redisDiskFull,
  },
  {
    id: 'broker-disk-full',
    fault: 'the broker’s disk is full',
    how: 'a file fills its small file system; then it is removed and the broker started again',
    promised: 'nothing is acknowledged that is not kept; all goes on by itself',
    run: brokerDiskFull,
  },
];
