/** Lost logs and stores of another version, with real ingests on a real Kafka and Redis: said, handled as chosen, no crash. */
import type { Admin } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { partitionOf } from '#wire';
import { eventually } from '../support/eventually.ts';
import type { Member } from '../support/fleet.ts';
import { Stranger } from '../support/kafka-stage.ts';
import { isReady, type Address, type Program } from '../support/program.ts';
import { redisClient } from '../support/redis-stage.ts';
import { services } from '../support/services/services.ts';
import { HOST, THRESHOLD, callTimes, openShop, refusalAt } from './shop.ts';

const PARTITIONS = 3;
const PARTITION = partitionOf(HOST, PARTITIONS);
const DEADLINE_MS = 180_000;

const lineOf = (program: Program, level: string, part: string): Promise<string> =>
  eventually(() => program.log.find((line) => line.level === level && line.msg.includes(part))?.msg, { what: `a line (${level}) with "${part}"`, deadlineMs: 60_000 });

const get = async ({ admin }: Member, path: string): Promise<string> => await (await fetch(`http://${admin.host}:${admin.port}${path}`)).text();

const ready = (member: Member, wanted: boolean): Promise<true> =>
  eventually(async () => ((await isReady(member.admin)) === wanted ? true : undefined), { what: wanted ? 'ready' : 'not ready', deadlineMs: 60_000 });

/** Offset that an outcome appended now would get. */
async function endOf(admin: Admin, topic: string): Promise<number> {
  const offsets = await admin.fetchTopicOffsets(topic);
  return Number(offsets.find(({ partition }) => partition === PARTITION)?.high);
}

/** Fails until the fleet refuses: what was admitted under the incarnation before counts no more (G2). */
const tripped = (proxy: Address): Promise<unknown> =>
  eventually(async () => (await callTimes(proxy, 1, '?status=503')).find(({ degraded, own }) => degraded && own?.retryAfter !== '1'), { what: 'a trip', deadlineMs: 60_000 });

describe('lost logs', () => {
  it('records deleted before they were folded: `stop` leaves the partition alone and says what to do, `rebuild` goes on', { timeout: DEADLINE_MS }, async (context) => {
    const { stage, policy, prefix } = await openShop(context, services());
    await policy();
    const [first, proxy] = await Promise.all([stage.ingest(), stage.proxy()]);
    await stage.ready([first, proxy]);
    await callTimes(proxy.proxy, 2, '?status=503');
    expect(await first.stop()).toBe(0);
    const redis = redisClient();
    const meta = `${prefix}:{${PARTITION}}:meta`;
    const [topic, before] = [`${prefix}.outcomes`, await redis.hgetall(meta)];
    const stood = Number(before['next']);
    await callTimes(proxy.proxy, THRESHOLD, '?status=503');
    const admin = await new Stranger().admin();
    const end = await eventually(async () => {
      const found = await endOf(admin, topic);
      return found > stood + 1 ? found : undefined;
    }, { what: 'outcomes in the log' });
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: PARTITION, offset: `${end}` }] });

    const stopped = await stage.ingest({ FUSEBOARD_LOST_LOG: 'stop' });
    expect(await lineOf(stopped, 'error', 'the log was cut')).toMatch(new RegExp(`partition ${PARTITION}: the log was cut: it begins at ${end}, needed from ${stood} \\(folded up to 20.*Z\\)`));
    expect(await lineOf(stopped, 'error', 'FUSEBOARD_LOST_LOG=stop')).toContain('`fuseboard rebuild`');
    await ready(stopped, false);
    expect(await get(stopped, '/readyz')).toContain(`"name":"partition ${PARTITION}"`);
    expect(await get(stopped, '/metrics')).toContain('fuseboard_log_losses_total{kind="cut",handling="stop"} 1');
    expect(await redis.hgetall(meta)).toEqual(before);
    expect(stopped.hasEnded).toBe(false);

    expect(await stopped.stop()).toBe(0);
    const rebuilding = await stage.ingest();
    expect(await lineOf(rebuilding, 'error', 'the log was cut')).toContain('it is folded again from what the log still has');
    await stage.ready([rebuilding]);
    expect(await get(rebuilding, '/metrics')).toContain('fuseboard_log_losses_total{kind="cut",handling="rebuild"} 1');
    await tripped(proxy.proxy);

    // Written by a newer Fuseboard: left alone while it is so, and folded again once it isn't.
    await redis.hset(meta, 'v', '2');
    expect(await rebuilding.stop()).toBe(0);
    const older = await stage.ingest();
    expect(await lineOf(older, 'error', 'was written by a newer Fuseboard')).toContain('upgrade it');
    await ready(older, false);
    await redis.hset(meta, 'v', '1');
    await ready(older, true);
    // Damaged: the same state is made again, at the same version.
    const snapshots = `${prefix}:{${PARTITION}}:snapshots`;
    const good = await redis.hget(snapshots, HOST);
    await redis.hset(snapshots, HOST, String(good).replace('"v":1', '"v":9'));
    expect(await older.stop()).toBe(0);
    const last = await stage.ingest();
    expect(await lineOf(last, 'error', "can't be read")).toContain('version 9');
    await eventually(async () => ((await redis.hget(snapshots, HOST)) === good ? true : undefined), { what: 'the snapshot as it was' });
    await stage.ready([last]);
    await refusalAt(proxy.proxy);
  });

  it('a topic made again under a running ingest is another log; one with more partitions ends it, with what to do', { timeout: DEADLINE_MS }, async (context) => {
    const { stage, policy, prefix } = await openShop(context, services());
    await policy();
    const [ingest, proxy] = await Promise.all([stage.ingest(), stage.proxy()]);
    await stage.ready([ingest, proxy]);
    await callTimes(proxy.proxy, THRESHOLD, '?status=503');
    await refusalAt(proxy.proxy);
    const admin = await new Stranger().admin();
    const topic = `${prefix}.outcomes`;
    const configEntries = [{ name: 'message.timestamp.type', value: 'LogAppendTime' }, { name: 'retention.ms', value: '604800000' }, { name: 'cleanup.policy', value: 'delete' }];
    await admin.deleteTopics({ topics: [topic] });
    await eventually(async () => (await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS, configEntries }] }).catch(() => false)) || undefined, { what: 'the topic to be made again', deadlineMs: 30_000 });
    expect(await lineOf(ingest, 'error', `partition ${PARTITION}: the log is another one`)).toContain('folded again from what the log still has');
    await lineOf(ingest, 'info', `partition ${PARTITION}: incarnation 2 begins, the log is another one`);
    // Every breaker begins closed: calls come through, and trip it again.
    await eventually(async () => ((await callTimes(proxy.proxy, 1)).some(({ degraded }) => !degraded) ? true : undefined), { what: 'the breaker to be closed', deadlineMs: 60_000 });
    await stage.ready([ingest, proxy]);
    await tripped(proxy.proxy);

    const redis = redisClient();
    await admin.createPartitions({ topicPartitions: [{ topic, count: PARTITIONS + 1 }] });
    expect(await lineOf(ingest, 'fatal', `has ${PARTITIONS + 1} partitions, ${PARTITIONS} are wanted`)).toContain('another FUSEBOARD_TOPIC_PREFIX');
    await eventually(() => (ingest.hasEnded ? true : undefined), { what: 'the ingest to end' });
    const before = await redis.hgetall(`${prefix}:{${PARTITION}}:meta`);
    const again = await stage.ingest();
    await eventually(() => (again.hasEnded ? true : undefined), { what: 'the next one to refuse' });
    expect(again.output).toContain(`topic ${topic} has ${PARTITIONS + 1} partitions, ${PARTITIONS} are wanted`);
    expect(await redis.hgetall(`${prefix}:{${PARTITION}}:meta`)).toEqual(before);
    await refusalAt(proxy.proxy);
  });
});
