/** The fleet's processes and the commands on a Kafka with TLS, logins and ACLs, each as somebody else with docs/kafka.md's rights. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { documentedAcls, grant, runTopicCommands } from '../support/acl-lines.ts';
import { run } from '../support/command.ts';
import { Stranger } from '../support/kafka-stage.ts';
import { services } from '../support/services/services.ts';
import { startSecuredKafka, type SecuredKafka } from '../support/services/secured-kafka.ts';
import { callTimes, HOST, openShop, refusalAt, THRESHOLD } from './shop.ts';

const USERS = { 'fuseboard-ingest': 'canary-i', 'fuseboard-standby': 'canary-s', 'fuseboard-proxy': 'canary-p', 'fuseboard-console': 'canary-c', 'fuseboard-audit': 'canary-a' };
let secured: SecuredKafka;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fuseboard-passwords-'));
  await Promise.all(Object.entries(USERS).map(([user, password]) => writeFile(join(folder, user), `${password}\n`)));
  secured = await startSecuredKafka({ users: USERS, hasAcls: true });
}, 120_000);
afterAll(async () => {
  await secured.close();
  await rm(folder, { recursive: true });
});

/** Passwords by file, as orchestrators hand them out. */
function as(user: keyof typeof USERS): Record<string, string> {
  return {
    FUSEBOARD_KAFKA_TLS: 'true',
    FUSEBOARD_KAFKA_TLS_CA: secured.ca,
    FUSEBOARD_KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
    FUSEBOARD_KAFKA_SASL_USERNAME: user,
    FUSEBOARD_KAFKA_SASL_PASSWORD_FILE: join(folder, user),
    FUSEBOARD_LOG_LEVEL: 'trace',
  };
}

it('a fleet trips, and the commands prove it, each process logged in over TLS with its own rights alone, and no password in what they print', { timeout: 180_000 }, async (context) => {
  const kafkaBrokers = secured.server.brokersOf('SASL_SSL');
  const { redisUrl } = services();
  const { stage, policy, prefix } = await openShop(context, { kafkaBrokers, redisUrl });
  await policy();
  const admin = await new Stranger(secured.server.brokers).admin();
  await grant(admin, documentedAcls(`${prefix}.`).filter(({ operation }) => operation !== 'Create'));
  const ingest = await stage.ingest(as('fuseboard-ingest'));
  const refusal = await ingest.until('the topics that are missing to be told', () => /refuses this process for [^"]*lacks Create on topic [^)"]*/.exec(ingest.output)?.[0]);
  expect(await runTopicCommands(admin, refusal)).toHaveLength(5);
  const [standby, one, other, console] = await Promise.all([
    stage.ingest({ ...as('fuseboard-standby'), FUSEBOARD_STANDBY: 'true' }),
    stage.proxy(as('fuseboard-proxy')),
    stage.proxy({ ...as('fuseboard-proxy'), FUSEBOARD_PROXY_WORKERS: '2' }),
    stage.console(as('fuseboard-console')),
  ]);
  await stage.ready([ingest, standby, one, other, console]);
  await callTimes(one.proxy, THRESHOLD, '?status=503');
  await refusalAt(other.proxy);
  const [transition] = await console.client.transitions(HOST);
  expect(transition).toMatchObject({ to: 'open' });

  const env = { FUSEBOARD_KAFKA_BROKERS: kafkaBrokers, FUSEBOARD_REDIS_URL: redisUrl, FUSEBOARD_TOPIC_PREFIX: `${prefix}.`, FUSEBOARD_REDIS_PREFIX: `${prefix}:`, FUSEBOARD_PARTITIONS: '3', ...as('fuseboard-audit') };
  const commands = await Promise.all([run(['verify'], { env }), run(['replay', HOST, '--from', '-10m'], { env })]);
  expect(commands.map(({ status, stdout }) => [status, stdout])).toEqual([[0, expect.stringContaining('no difference')], [0, expect.stringContaining('open')]]);
  await Promise.all([ingest.stop(), standby.stop()]);
  const rebuilt = await run(['rebuild'], { env });
  expect(rebuilt).toMatchObject({ status: 0 });
  expect(await stage.stop()).toEqual([0, 0, 0, 0, 0]);
  const printed = [stage.output, ...[...commands, rebuilt].flatMap(({ stdout, stderr }) => [stdout, stderr])].join('\n');
  expect(printed).not.toContain('canary-');
  // But for the topics at the start.
  expect(printed.match(/lacks (?!Create)[^"]*/)).toBeNull();
});
