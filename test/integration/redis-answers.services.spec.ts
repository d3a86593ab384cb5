/** Bad answers of a real Redis in mid-flight: each ends in the fold of the log, or says why it waits; none looks closed. */
import { describe, expect, test } from 'vitest';
import { commit } from '../contract/samples.ts';
import { eventually } from '../support/eventually.ts';
import { freeze } from '../support/freeze.ts';
import { RedisFold } from '../support/redis-fold.ts';
import { redisClient, stageRedis } from '../support/redis-stage.ts';
import { asked } from '../support/services/redis-cli.ts';
import type { RedisServer } from '../support/services/redis.ts';
import { ownRedis } from '../support/services/services.ts';
import { gateTo } from '../support/tcp-gate.ts';

interface Answer {
  /** As it begins. */
  readonly says: string;
  readonly args?: readonly string[];
  readonly begin: (server: RedisServer) => Promise<unknown>;
  readonly end: (server: RedisServer) => Promise<unknown>;
}

const config = (server: RedisServer, name: string, value: string): Promise<unknown> => asked(server, 'CONFIG', 'SET', name, value);

/** Those that Redis gives until something is put right. */
const ANSWERS: readonly Answer[] = [
  { says: 'OOM', begin: (server) => config(server, 'maxmemory', '1'), end: (server) => config(server, 'maxmemory', '0') },
  { says: 'NOREPLICAS', begin: (server) => config(server, 'min-replicas-to-write', '1'), end: (server) => config(server, 'min-replicas-to-write', '0') },
  { says: 'READONLY', begin: (server) => asked(server, 'REPLICAOF', '127.0.0.1', '1'), end: (server) => asked(server, 'REPLICAOF', 'NO', 'ONE') },
  {
    says: 'MASTERDOWN',
    begin: async (server) => {
      await config(server, 'replica-serve-stale-data', 'no');
      await asked(server, 'REPLICAOF', '127.0.0.1', '1');
    },
    end: (server) => asked(server, 'REPLICAOF', 'NO', 'ONE'),
  },
  {
    says: 'MISCONF',
    args: ['--enable-protected-configs', 'local'],
    begin: async (server) => {
      await config(server, 'save', '3600 1');
      // Where nobody can write.
      await config(server, 'dir', '/proc');
      await asked(server, 'BGSAVE');
      await eventually(async () => (String(await asked(server, 'INFO', 'persistence')).includes('rdb_last_bgsave_status:err') ? true : undefined), { what: 'a save to fail' });
    },
    end: (server) => config(server, 'stop-writes-on-bgsave-error', 'no'),
  },
  {
    says: 'BUSY',
    args: ['--busy-reply-threshold', '50'],
    begin: (server) => Promise.resolve(void asked(server, 'EVAL', "while true do redis.call('TIME') end", 0).catch(() => undefined)),
    end: (server) => asked(server, 'SCRIPT', 'KILL'),
  },
  {
    says: 'NOAUTH',
    begin: async (server) => {
      await asked(server, 'ACL', 'SETUSER', 'default', 'resetpass', '>closed');
      await asked({ port: server.port, password: 'closed' }, 'CLIENT', 'KILL', 'TYPE', 'normal');
    },
    end: (server) => asked({ port: server.port, password: 'closed' }, 'ACL', 'SETUSER', 'default', 'nopass'),
  },
];

describe('in mid-flight', () => {
  test.for(ANSWERS)('$says holds commits up, is said, and ends in the fold', async ({ says, args = [], begin, end }, context) => {
    const server = await ownRedis(context, { args });
    const fold = await RedisFold.open(server.url);
    await fold.trip();
    await begin(server);
    await fold.append(5);
    await eventually(() => ([...fold.troubles, ...fold.redis.reach].some((said) => said.startsWith(says)) ? true : undefined), { what: says });
    await eventually(() => (fold.redis.reach.at(-1) === 'reached' ? undefined : true), { what: 'it to be said that Redis is not reached' });
    await end(server);
    await fold.isAtEnd();
    await fold.endsInTheFold();
    expect(await fold.freshProxy()).toBe('refuse');
  });

  test('LOADING, after a kill, ends in the fold; meanwhile nothing is taken for what is not there', async (context) => {
    const args = ['--enable-debug-command', 'local', '--appendonly', 'yes', '--appendfsync', 'always', '--key-load-delay', '2000', '--loading-process-events-interval-bytes', '1024'];
    const server = await ownRedis(context, { args });
    const fold = await RedisFold.open(server.url);
    await fold.trip();
    await fold.isAtEnd();
    await asked(server, 'DEBUG', 'POPULATE', '500');
    await asked(server, 'BGREWRITEAOF');
    await eventually(async () => (/aof_rewrite_in_progress:0[^]*aof_last_bgrewrite_status:ok/.test(String(await asked(server, 'INFO', 'persistence'))) ? true : undefined), { what: 'the file to be written' });
    await server.stop('SIGKILL');
    const starting = server.start();
    await fold.append(5);
    await eventually(() => ([...fold.troubles, ...fold.redis.reach].some((said) => said.startsWith('LOADING')) ? true : undefined), { what: 'LOADING' });
    await starting;
    await fold.isAtEnd();
    await fold.endsInTheFold();
    expect(await fold.freshProxy()).toBe('refuse');
  });

  test('FLUSHALL, SCRIPT FLUSH and both at once end in the fold', async (context) => {
    const server = await ownRedis(context);
    const fold = await RedisFold.open(server.url);
    await fold.trip();
    for (const commands of [['FLUSHALL'], ['SCRIPT', 'FLUSHALL', 'SCRIPT']]) {
      for (const command of commands) await (command === 'SCRIPT' ? asked(server, 'SCRIPT', 'FLUSH') : asked(server, command));
      await fold.append(5);
      await fold.isAtEnd();
      await fold.endsInTheFold();
    }
    expect(await fold.freshProxy()).toBe('refuse');
  });

  test('a server that stands still, a path that swallows answers, then all, and one that is cut end in the fold', { timeout: 60_000 }, async (context) => {
    const server = await ownRedis(context);
    const gate = await gateTo(server.port);
    const fold = await RedisFold.open(`redis://127.0.0.1:${gate.port}`);
    await fold.trip();
    await freeze(server.pid as number);
    await fold.append(5);
    await eventually(() => ([...fold.troubles].some((said) => said.includes('no answer')) ? true : undefined), { what: 'no answer' });
    process.kill(server.pid as number, 'SIGCONT');
    await fold.isAtEnd();
    for (const state of ['deaf', 'dead'] as const) {
      gate.state = state;
      fold.troubles.clear();
      await fold.append(5);
      await eventually(() => (fold.troubles.size > 0 ? true : undefined), { what: `trouble on a ${state} path` });
      gate.cut();
      gate.state = 'open';
      await fold.isAtEnd();
    }
    await fold.endsInTheFold();
    expect(await fold.freshProxy()).toBe('refuse');
  });

  test('too many clients: who is let in no more is not ready, and is served when there is room', async (context) => {
    const server = await ownRedis(context);
    const admin = redisClient(server.url);
    await admin.ping();
    await admin.config('SET', 'maxclients', '1');
    const stage = stageRedis({ url: server.url });
    await expect(stage.states.commit(commit(null, 4))).rejects.toThrow(/closed|max number of clients|EPIPE|ECONNRESET/);
    expect(stage.reach).not.toContain('reached');
    await admin.config('SET', 'maxclients', '100');
    await eventually(async () => ((await stage.states.commit(commit(null, 4))).kind === 'OK' ? true : undefined), { what: 'a commit' });
  });
});

test('a policy that drops keys, set while we run, is said within the next look', async (context) => {
  const server = await ownRedis(context);
  const stage = stageRedis({ url: server.url });
  await stage.prepare();
  await asked(server, 'CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
  await asked(server, 'CLIENT', 'KILL', 'TYPE', 'normal');
  await eventually(() => (stage.errors.some((said) => said.includes('maxmemory-policy: found allkeys-lru; wanted: noeviction')) ? true : undefined), { what: 'it to be said' });
  expect(stage.errors[0]).toContain('looking whether Redis keeps what it is given');
});
