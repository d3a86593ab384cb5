/** What really lies in the topics is what libs/wire/asyncapi.yaml and the JSON Schemas that it names say of it. */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import kafkajs, { type KafkaMessage } from 'kafkajs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { eventually } from '../support/eventually.ts';
import { services } from '../support/services/services.ts';
import { HOST, THRESHOLD, callTimes, openShop, refusalAt } from './shop.ts';

const WIRE = new URL('../../libs/wire/', import.meta.url);

interface AsyncApi {
  readonly channels: Readonly<Record<string, { readonly address: string; readonly messages: Readonly<Record<string, unknown>> }>>;
  readonly components: { readonly messages: Readonly<Record<string, { readonly payload: { readonly $ref?: string } | true }>> };
}

const API = parse(readFileSync(new URL('asyncapi.yaml', WIRE), 'utf8')) as AsyncApi;
const ajv = new Ajv2020({ strictSchema: true, strictTypes: false, strictRequired: false });

/** The names of the messages of a channel that a value is. */
function messagesThat(value: unknown, channel: string): string[] {
  return Object.keys(API.channels[channel]?.messages ?? {}).filter((name) => schemaOf(name)(value));
}

const compiled = new Map<string, (value: unknown) => boolean>();
function schemaOf(message: string): (value: unknown) => boolean {
  const payload = API.components.messages[message]?.payload;
  if (payload === undefined || payload === true || payload.$ref === undefined) throw new Error(`message ${message} names no schema`);
  const validate = compiled.get(message) ?? ajv.compile(JSON.parse(readFileSync(new URL(payload.$ref, WIRE), 'utf8')) as object);
  compiled.set(message, validate);
  return validate;
}

/** Reads a channel's topic from its beginning until `isEnough`. */
async function recordsOf(channel: string, prefix: string, isEnough: (records: readonly KafkaMessage[]) => boolean): Promise<KafkaMessage[]> {
  const topic = (API.channels[channel]?.address ?? '').replace(/^fuseboard\./, `${prefix}.`);
  const kafka = new kafkajs.Kafka({ brokers: services().kafkaBrokers.split(','), logLevel: kafkajs.logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `${topic}.schemas`, maxWaitTimeInMs: 100 });
  const records: KafkaMessage[] = [];
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({ autoCommit: false, eachMessage: async ({ message }) => void records.push(message) });
    await eventually(() => (isEnough(records) ? true : undefined), { what: `the records of ${topic}`, deadlineMs: 30_000 });
    return records;
  } finally {
    await consumer.disconnect();
  }
}

const valueOf = ({ value }: KafkaMessage): unknown => JSON.parse(String(value));

it('every outcome, mark and transition that a fleet writes is a message of its channel, keyed by its upstream', { timeout: 120_000 }, async (context) => {
  const { stage, policy, prefix } = await openShop(context, services());
  await policy({ degraded: '2s' });
  const [ingest, proxy] = await Promise.all([stage.ingest(), stage.proxy()]);
  await stage.ready([ingest, proxy]);
  await callTimes(proxy.proxy, 3);
  await callTimes(proxy.proxy, THRESHOLD, '?status=503');
  await refusalAt(proxy.proxy);

  const outcomes = await recordsOf('outcomes', prefix, (records) => records.filter(({ key }) => key !== null).length >= 3 + THRESHOLD);
  const kinds = outcomes.map((record) => messagesThat(valueOf(record), 'outcomes'));
  expect(kinds.filter(({ length }) => length !== 1)).toEqual([]);
  expect(new Set(kinds.flat())).toEqual(new Set(['outcome', 'mark']));
  const keys = outcomes.filter((_, index) => kinds[index]?.[0] === 'outcome').map(({ key }) => String(key));
  expect(new Set(keys)).toEqual(new Set([HOST]));

  // The trip, and the closing by its deadline.
  const transitions = await recordsOf('transitions', prefix, ({ length }) => length >= 2);
  expect(transitions.map((record) => messagesThat(valueOf(record), 'transitions'))).toEqual(transitions.map(() => ['transition']));
  expect(new Set(transitions.map(({ key }) => String(key)))).toEqual(new Set([HOST]));
});
