/** L1: each process makes sure of the topics before it uses them; what differs stops the start. */
import kafkajs from 'kafkajs';
import { expect, test } from 'vitest';
import { StartError } from '#runtime';
import { openStage, someOutcomes, Stranger } from '../support/kafka-stage.ts';
import { uniquePrefix } from '../support/services/services.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;
const NAMES = ['outcomes', 'control', 'transitions', 'outcomes.dead', 'checkpoints'];

/** Makes one topic as it should be, but for what is said. */
async function makeTopic(topic: string, settings: Readonly<Record<string, string>>, numPartitions = topic.endsWith('control') ? 1 : 2): Promise<void> {
  const right: Record<string, string> = {
    'message.timestamp.type': 'LogAppendTime',
    'cleanup.policy': 'delete',
    'retention.ms': topic.endsWith('control') ? '-1' : `${(topic.endsWith('outcomes') ? 7 : 30) * DAY_MS}`,
    'retention.bytes': '-1',
  };
  const configEntries = Object.entries({ ...right, ...settings }).map(([name, value]) => ({ name, value }));
  await (await new Stranger().admin()).createTopics({ topics: [{ topic, numPartitions, configEntries }], waitForLeaders: false });
}

async function refusal(prefix: string): Promise<string> {
  const { kafka } = openStage({ prefix, partitions: 2 });
  const error = await kafka.prepare().then(
    () => undefined,
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(StartError);
  await expect(kafka.outcomes.append(someOutcomes('x', 0, 1))).rejects.toBe(error);
  return (error as StartError).message;
}

test('topics are made with partitions and settings of their own', async () => {
  const { kafka, prefix } = openStage({ partitions: 3 });
  await kafka.prepare();
  const admin = await new Stranger().admin();
  const { topics } = await admin.fetchTopicMetadata({ topics: NAMES.map((name) => prefix + name) });
  const partitions = Object.fromEntries(topics.map(({ name, partitions: { length } }) => [name.slice(prefix.length), length]));
  expect(partitions).toEqual({ outcomes: 3, control: 1, transitions: 3, 'outcomes.dead': 3, checkpoints: 3 });
  const described = await admin.describeConfigs({
    includeSynonyms: false,
    resources: NAMES.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name: prefix + name, configNames: ['message.timestamp.type', 'retention.ms', 'cleanup.policy'] })),
  });
  const settings = described.resources.map(({ resourceName, configEntries }) => [
    resourceName.slice(prefix.length),
    ...configEntries.toSorted((a, b) => (a.configName < b.configName ? -1 : 1)).map(({ configValue }) => configValue),
  ]);
  expect(new Set(settings.map(String))).toEqual(
    new Set([
      `outcomes,delete,LogAppendTime,${7 * DAY_MS}`,
      'control,delete,LogAppendTime,-1',
      `transitions,delete,LogAppendTime,${30 * DAY_MS}`,
      `outcomes.dead,delete,LogAppendTime,${30 * DAY_MS}`,
      `checkpoints,delete,LogAppendTime,${7 * DAY_MS}`,
    ]),
  );
});

test('several processes that make them at once all find them made', async () => {
  const prefix = `${uniquePrefix()}.`;
  const stages = Array.from({ length: 4 }, () => openStage({ prefix }));
  await Promise.all(stages.map(({ kafka }) => kafka.prepare()));
  const appended = await Promise.all(stages.map(({ kafka }, index) => kafka.outcomes.append(someOutcomes(`${index}`, 0, 3))));
  expect(appended.flat()).toHaveLength(12);
});

test.each<[string, Record<string, string>, RegExp]>([
  ['outcomes', { 'message.timestamp.type': 'CreateTime' }, /outcomes has message\.timestamp\.type=CreateTime, message\.timestamp\.type=LogAppendTime is wanted/],
  ['outcomes', { 'cleanup.policy': 'compact' }, /outcomes has cleanup\.policy=compact, cleanup\.policy=delete is wanted/],
  ['outcomes', { 'retention.ms': '3600000' }, /outcomes has retention\.ms=3600000, retention\.ms=604800000 is wanted/],
  ['control', { 'retention.bytes': '1000000' }, /control has retention\.bytes=1000000, retention\.bytes=-1 is wanted/],
  ['control', { 'retention.ms': '604800000' }, /control has retention\.ms=604800000, retention\.ms=-1 is wanted/],
  ['transitions', { 'cleanup.policy': 'compact,delete' }, /transitions has cleanup\.policy=compact,delete/],
  ['outcomes.dead', { 'retention.ms': '1000' }, /outcomes\.dead has retention\.ms=1000/],
])('a topic %s with %j stops the start, naming topic, setting, found, wanted', async (name, settings, message) => {
  const prefix = `${uniquePrefix()}.`;
  await makeTopic(prefix + name, settings);
  expect(await refusal(prefix)).toMatch(message);
});

test('another number of partitions stops the start, and says what to do', async () => {
  const prefix = `${uniquePrefix()}.`;
  await makeTopic(`${prefix}outcomes`, {}, 3);
  expect(await refusal(prefix)).toMatch(/outcomes has 3 partitions, 2 are wanted; .*FUSEBOARD_PARTITIONS/);
});

test.each(['-1', `${8 * DAY_MS}`])('outcomes kept for longer than need be (retention.ms=%s) are as good', async (retentionMs) => {
  const prefix = `${uniquePrefix()}.`;
  await makeTopic(`${prefix}outcomes`, { 'retention.ms': retentionMs });
  await expect(openStage({ prefix }).kafka.prepare()).resolves.toBeUndefined();
});
