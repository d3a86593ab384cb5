/** The rights that docs/kafka.md lists, on a broker that knows no others: enough all together, and none too many. */
import type { Admin } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAddress, Secret, type Address } from '#runtime';
import { openKafka, type Kafka } from '../../libs/drivers/src/kafka/kafka.ts';
import type { Part } from '../../libs/drivers/src/kafka/topics.ts';
import { draft, keyOf, setting, transition } from '../contract/samples.ts';
import { documentedAcls, grant, runTopicCommands, type Acl } from '../support/acl-lines.ts';
import { eventually } from '../support/eventually.ts';
import { Ledger, openStage, Owner, someOutcomes, Stranger } from '../support/kafka-stage.ts';
import { startSecuredKafka, type SecuredKafka } from '../support/services/secured-kafka.ts';

const PREFIX = 'acls.';
const USERS = Array.from({ length: 60 }, (_, index) => `user-${index}`);
const PASSWORD = 'canary';
const all = documentedAcls(PREFIX);
const of = (user: string): Acl[] => all.filter((acl) => acl.user === `fuseboard-${user}` && acl.operation !== 'Create');
let secured: SecuredKafka;
let admin: Admin;
let freeUsers = USERS;
beforeAll(async () => {
  secured = await startSecuredKafka({ logins: Object.fromEntries(USERS.map((user) => [user, PASSWORD])), hasAcls: true });
  admin = new Stranger(secured.server.brokers).kafka.admin();
  await admin.connect();
  const kafka = openKafka({ brokers: [parseAddress(secured.server.brokers) as Address], topicPrefix: PREFIX, partitions: 1, instance: 'admin', reach: { failed: () => {}, reached: () => {} }, onError: () => {} });
  await kafka.prepare();
  await kafka.close();
}, 120_000);
afterAll(async () => {
  await admin.disconnect();
  await secured.close();
});

type Role = Part | 'standby';

/** A driver, and all that was said of what went wrong. */
function as(user: string, role: Role, prefix = PREFIX) {
  const said: string[] = [];
  const note = (error: unknown): void => void said.push(String(error));
  const part = role === 'standby' ? 'ingest' : role;
  const brokers = secured.server.brokersOf('SASL_PLAINTEXT');
  const security = { sasl: { mechanism: 'plain', username: user, password: new Secret(PASSWORD) } } as const;
  const { kafka } = openStage({ brokers, security, part, isStandby: role === 'standby', prefix, partitions: 1, reach: { failed: note, reached: () => {} }, onError: note });
  return { kafka, said };
}

async function userWith(acls: readonly Acl[]): Promise<string> {
  const [user = '', ...rest] = freeUsers;
  freeUsers = rest;
  await grant(admin, acls, user);
  return user;
}

async function ingests(kafka: Kafka): Promise<void> {
  await kafka.prepare();
  const ledger = new Ledger();
  const run = kafka.reader.run(new Owner(ledger));
  await kafka.outcomes.append(someOutcomes('o', 0, 1));
  await kafka.control.append([draft({ kind: 'delete', document: keyOf(setting('a', 'a.test')) })]);
  await kafka.control.read(0);
  await kafka.transitions.append([transition('a.test', 2)]);
  await kafka.deadLetters.append([{ partition: 0, offset: 1, reason: 'none', key: null, value: Buffer.from('x') }]);
  await kafka.checkpoints.append({ partition: 0, incarnation: 1, next: 1, clockMs: 1, control: -1, identity: 'x', snapshots: [], ids: [] });
  await kafka.checkpoints.find(0, { which: 'newest', fits: () => true });
  await eventually(() => ledger.ids.length > 0 || undefined, { what: 'a delivery' });
  await (await run)();
}

const WORK: Readonly<Record<Role, (kafka: Kafka) => Promise<unknown>>> = {
  ingest: ingests,
  standby: ingests,
  proxy: async (kafka) => {
    await kafka.prepare();
    await kafka.outcomes.append(someOutcomes('p', 0, 1));
  },
  console: async (kafka) => {
    await kafka.prepare();
    await kafka.transitions.list({ limit: 1 });
    await kafka.control.append([draft({ kind: 'clear', upstream: 'a.test' })]);
    await kafka.control.read(0);
  },
  audit: async (kafka) => {
    await kafka.prepare();
    await kafka.reader.bounds(0);
    await kafka.reader.read(0, 0, 10);
    await kafka.control.read(0);
    await kafka.history.read(0, 0, 10);
    await kafka.checkpoints.find(0, { which: 'newest', fits: () => true });
    await kafka.transitions.append([transition('a.test', 3)]);
  },
};
const ROLES = Object.keys(WORK) as Role[];

describe('the rights of docs/kafka.md', () => {
  it.each(ROLES)('are all that %s needs', async (role) => {
    const { kafka, said } = as(await userWith(of(role)), role);
    await WORK[role](kafka);
    expect(said.filter((line) => /lacks|AUTHORIZ|refuse/i.test(line))).toEqual([]);
  });

  it.each(ROLES.flatMap((role) => of(role).filter(({ resource }) => role !== 'standby' || resource === 'group').map((acl) => [role, `${acl.operation} on ${acl.resource} ${acl.name}`, acl] as const)))(
    'are each needed: %s without %s says that this is what it lacks',
    async (...[role, right, missing]) => {
      const { kafka, said } = as(await userWith(of(role).filter((acl) => acl !== missing)), role);
      // It waits, or fails; either way it has said why.
      void WORK[role](kafka).catch((error: unknown) => said.push(String(error)));
      const named = new RegExp(`this login lacks (?:\\w+ and )?${missing.operation}(?: and \\w+)? on ${missing.resource} ${missing.name.replaceAll('.', '\\.')}(?!\\S)`);
      await eventually(() => said.some((line) => named.test(line)) || undefined, { what: right }).catch(() => undefined);
      expect([...new Set(said)]).toContainEqual(expect.stringMatching(named));
    },
  );

  it('let a producer append, and nobody read it', async () => {
    const user = await userWith(of('producer'));
    const { kafka: client } = new Stranger(secured.server.brokersOf('SASL_PLAINTEXT'), { mechanism: 'plain', username: user, password: PASSWORD });
    const producer = client.producer({ idempotent: true });
    await producer.connect();
    expect(await producer.send({ topic: `${PREFIX}outcomes`, messages: [{ key: 'a.test', value: '{}' }] })).toMatchObject([{ errorCode: 0 }]);
    await producer.disconnect();
    const { kafka, said } = as(user, 'audit');
    await expect(kafka.reader.read(0, 0, 1)).rejects.toThrow('making sure of the topics');
    expect(said.join()).toContain(`lacks Read on topic ${PREFIX}control`);
  });
});

describe('topics that are not there', () => {
  it('are made by who has Create by prefix', async () => {
    const prefix = 'made.';
    const user = await userWith(documentedAcls(prefix).filter((acl) => acl.user === 'fuseboard-ingest'));
    await as(user, 'ingest', prefix).kafka.prepare();
    expect((await admin.listTopics()).filter((topic) => topic.startsWith(prefix))).toHaveLength(5);
  });

  it.each<[Role, number]>([['ingest', 5], ['proxy', 1], ['console', 3]])('are named by %s without that right, with commands that make them, and then it goes on', async (role, count) => {
    const prefix = `absent.${role}.`;
    const user = await userWith(documentedAcls(prefix).filter((acl) => acl.user === `fuseboard-${role}` && acl.operation !== 'Create'));
    const { kafka, said } = as(user, role, prefix);
    const prepared = kafka.prepare();
    const refusal = await eventually(() => said.find((line) => line.includes('lacks Create on topic ')), { what: 'what is missing' });
    const made = await runTopicCommands(admin, refusal);
    expect(made).toHaveLength(count);
    expect(refusal).toContain(made.join(', '));
    // Ingest compares every setting with what it would have made.
    expect(await prepared).toBeUndefined();
  });
});
