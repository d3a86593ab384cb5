/**
 * The topics (L1): made where they are missing, and compared with what they must be. What differs is never changed
 * from here: somebody set it so, and it decides what a replay would see.
 */
import { setTimeout } from 'node:timers/promises';
import kafkajs, { type Admin, type ITopicConfig } from 'kafkajs';
import { StartError } from '#runtime/reach';
import { typeOf } from './connectivity.ts';
import { MissingRight, needing } from './rights.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;
/** A dead letter is a record with reason and place beside it, so it is larger than what a broker takes by default. */
const DEAD_LETTER_BYTES_MAX = 2 * 1024 * 1024;
const LED_WITHIN_MS = 5_000;
const LOOK_AGAIN_MS = 50;

export interface Topics {
  readonly outcomes: string;
  readonly control: string;
  readonly transitions: string;
  readonly deadLetters: string;
  readonly checkpoints: string;
}

export function topicsOf(prefix: string): Topics {
  const of = (name: string): string => `${prefix}${name}`;
  return { outcomes: of('outcomes'), control: of('control'), transitions: of('transitions'), deadLetters: of('outcomes.dead'), checkpoints: of('checkpoints') };
}

interface Wanted {
  readonly topic: string;
  readonly partitions: number;
  /** Whether its partitions are what FUSEBOARD_PARTITIONS is about (L2). */
  readonly upstreams?: boolean;
  /** Made with these, and compared by them. */
  readonly settings: Readonly<Record<string, string>>;
  /** Made with these; others are as good. */
  readonly beside?: Readonly<Record<string, string>>;
}

function wantedOf(topics: Topics, partitions: number): Wanted[] {
  const kept = { 'cleanup.policy': 'delete' };
  const brokersTime = { 'message.timestamp.type': 'LogAppendTime' };
  return [
    { topic: topics.outcomes, partitions, upstreams: true, settings: { ...brokersTime, ...kept, 'retention.ms': `${7 * DAY_MS}` } },
    { topic: topics.control, partitions: 1, settings: { ...brokersTime, ...kept, 'retention.ms': '-1', 'retention.bytes': '-1' } },
    { topic: topics.checkpoints, partitions, settings: { ...kept, 'retention.ms': `${7 * DAY_MS}` }, beside: brokersTime },
    { topic: topics.transitions, partitions, settings: { ...kept, 'retention.ms': `${30 * DAY_MS}` }, beside: brokersTime },
    {
      topic: topics.deadLetters,
      partitions,
      settings: { ...kept, 'retention.ms': `${30 * DAY_MS}` },
      beside: { ...brokersTime, 'max.message.bytes': `${DEAD_LETTER_BYTES_MAX}` },
    },
  ];
}

/** Kinds of processes, by what they use. */
export type Part = 'ingest' | 'proxy' | 'console' | 'audit';

/** What each does with which topic; what is not here is none of its business. docs/kafka.md */
const USES: Readonly<Record<Part, { readonly [K in keyof Topics]?: string }>> = {
  ingest: { outcomes: 'Read and Write', control: 'Read and Write', transitions: 'Write', deadLetters: 'Write', checkpoints: 'Read and Write' },
  proxy: { outcomes: 'Write' },
  console: { outcomes: 'Describe', control: 'Read and Write', transitions: 'Read' },
  audit: { outcomes: 'Read', control: 'Read', transitions: 'Read', checkpoints: 'Read' },
};

export interface Ensured {
  readonly topics: Topics;
  /** Of the outcomes topic. */
  readonly partitions: number;
  /** Only what this part uses is looked at; settings by ingest alone, since it is what they would mislead. */
  readonly part: Part;
  /** `HOST:PORT,…`, for commands that are shown. */
  readonly brokers: string;
}

/**
 * May be called by many processes at once.
 * @throws {StartError} naming topic, setting, found, wanted
 * @throws {MissingRight} naming right and topic; of a topic that is not there, with the command that makes it
 */
export async function ensureTopics(admin: Admin, { topics, partitions, part, brokers }: Ensured): Promise<void> {
  const uses = new Map(Object.entries(USES[part]).map(([key, use]) => [topics[key as keyof Topics], use]));
  const wanted = wantedOf(topics, partitions).filter(({ topic }) => uses.has(topic));
  const counts = new Map<string, number | undefined>();
  for (const { topic } of wanted) counts.set(topic, await needing(`${uses.get(topic)} on topic ${topic}`, partitionsOf(admin, topic)));
  const missing = wanted.filter(({ topic }) => counts.get(topic) === undefined);
  await makeTopics(admin, missing, brokers);
  for (const { topic } of missing) counts.set(topic, await partitionsOnceLed(admin, topic));
  const problems = wanted.flatMap((each) => partitionProblems(each, counts.get(each.topic)));
  if (part === 'ingest') for (const each of wanted) problems.push(...settingProblems(each, await settingsOf(admin, each)));
  if (problems.length > 0) throw new StartError(problems.join('\n'));
}

async function settingsOf(admin: Admin, { topic, settings }: Wanted): Promise<ReadonlyMap<string, string>> {
  const resources = [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configNames: Object.keys(settings) }];
  const described = await needing(`DescribeConfigs on topic ${topic}`, admin.describeConfigs({ includeSynonyms: false, resources }));
  return new Map(described.resources[0]?.configEntries.map((entry) => [entry.configName, entry.configValue]));
}

/** Undefined: there is no such topic. Rejects while a partition has nobody who leads it. */
async function partitionsOf(admin: Admin, topic: string): Promise<number | undefined> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return topics[0]?.partitions.length;
  } catch (error) {
    if (typeOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
    throw error;
  }
}

/** Of a topic that was made a moment ago: when every partition answers. */
async function partitionsOnceLed(admin: Admin, topic: string): Promise<number | undefined> {
  const endMs = performance.now() + LED_WITHIN_MS;
  for (;;) {
    try {
      await admin.fetchTopicOffsets(topic);
      return await partitionsOf(admin, topic);
    } catch (error) {
      if (performance.now() > endMs) throw error;
    }
    await setTimeout(LOOK_AGAIN_MS);
  }
}

/** One by one, so that what another process makes at the same time is no reason to leave out the rest. */
async function makeTopics(admin: Admin, missing: readonly Wanted[], brokers: string): Promise<void> {
  const refused: Wanted[] = [];
  for (const wanted of missing) {
    try {
      await admin.createTopics({ topics: [madeAs(wanted)], waitForLeaders: false, timeout: LED_WITHIN_MS });
    } catch (error) {
      // kafkajs says no more than that there was an error; what it was stands inside.
      const [said = error] = error instanceof kafkajs.KafkaJSAggregateError ? error.errors : [error];
      if (!typeOf(said).endsWith('AUTHORIZATION_FAILED')) throw new Error(`topic ${wanted.topic} can't be made: ${said instanceof Error ? said.message : String(said)}`, { cause: error });
      refused.push(wanted);
    }
  }
  if (refused.length === 0) return;
  const names = refused.map(({ topic }) => topic).join(', ');
  const commands = refused.map((each) => commandFor(each, brokers)).join(' && ');
  throw new MissingRight(`this login lacks Create on topic ${names}, ${refused.length === 1 ? 'which is' : 'which are'} not there; whoever has it runs: ${commands}`);
}

function madeAs({ topic, partitions, settings, beside = {} }: Wanted): ITopicConfig {
  return {
    topic,
    numPartitions: partitions,
    // What the brokers hold to be right for topics that say nothing.
    replicationFactor: -1,
    configEntries: Object.entries({ ...settings, ...beside }).map(([name, value]) => ({ name, value })),
  };
}

/** The same topic by Kafka's own tool. */
function commandFor(wanted: Wanted, brokers: string): string {
  const { topic, numPartitions, configEntries = [] } = madeAs(wanted);
  const settings = configEntries.map(({ name, value }) => `--config ${name}=${value}`).join(' ');
  return `kafka-topics.sh --bootstrap-server ${brokers} --create --if-not-exists --topic ${topic} --partitions ${numPartitions} ${settings}`;
}

function partitionProblems({ topic, partitions, upstreams = false }: Wanted, found: number | undefined): string[] {
  // Made a moment ago and not known to every broker yet, or deleted a moment ago.
  if (found === undefined) throw new Error(`topic ${topic} is not there yet`);
  if (found === partitions) return [];
  if (upstreams) return [partitionsProblem({ topic, found, wanted: partitions })];
  return [`topic ${topic} has ${found} partitions, ${partitions} are wanted; have it made again with ${partitions}, or choose another FUSEBOARD_TOPIC_PREFIX`];
}

export function partitionsProblem({ topic, found, wanted }: { readonly topic: string; readonly found: number; readonly wanted: number }): string {
  const fix = `set FUSEBOARD_PARTITIONS=${found} (it is never repartitioned: upstreams would move)`;
  return `topic ${topic} has ${found} partitions, ${wanted} are wanted; ${fix}, or choose another FUSEBOARD_TOPIC_PREFIX (docs/operations.md#lost-logs)`;
}

function settingProblems({ topic, settings }: Wanted, found: ReadonlyMap<string, string>): string[] {
  return Object.entries(settings).flatMap(([name, wanted]) => {
    const value = found.get(name);
    if (value === undefined) throw new Error(`topic ${topic} has no setting ${name} yet`);
    if (value === wanted || (name === 'retention.ms' && isLonger(value, wanted))) return [];
    return [`topic ${topic} has ${name}=${value}, ${name}=${wanted} is wanted; kafka-configs.sh --alter changes it`];
  });
}

function isLonger(found: string, wanted: string): boolean {
  return wanted !== '-1' && (found === '-1' || Number(found) > Number(wanted));
}
