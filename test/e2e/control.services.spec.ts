/** Two operators at two consoles of a fleet, on real Kafka and Redis: the log decides between them, for everybody alike. */
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../support/command.ts';
import { BreakerTestClient, type Message } from '../support/console-stage.ts';
import { FleetStage, type ConsoleMember } from '../support/fleet.ts';
import { services, uniquePrefix } from '../support/services/services.ts';

const ROUNDS = 40;
const HOSTS = ['a.local', 'b.local', 'c.local', 'd.local'];
const WAIT = { seconds: 20, nanos: 0 };
const policy = (host: string, amount: number): string => `apiVersion: policy.openservicemesh.io/v1alpha1
kind: UpstreamTrafficSetting
metadata: { name: ${host}, namespace: eu }
spec: { host: ${host}, connectionSettings: { http: { circuitBreaking: { errorAmountThreshold: ${amount} } } } }
`;

const { kafkaBrokers, redisUrl } = services();
const prefix = uniquePrefix();
const fleet = new FleetStage({ kafkaBrokers, redisUrl, prefix });
let consoles: ConsoleMember[] = [];
let clients: BreakerTestClient[] = [];

beforeAll(async () => {
  const ingest = await fleet.ingest();
  consoles = await Promise.all([fleet.console(), fleet.console()]);
  await fleet.ready([ingest, ...consoles]);
  clients = consoles.map(({ grpc }) => new BreakerTestClient(grpc.port, {}, 'ControlService'));
}, 120_000);
afterAll(async () => {
  for (const { service } of clients) service.close();
  await fleet.kill();
});

const ask = (n: number, method: string, request: object): Promise<Message> => (clients[n] as BreakerTestClient).call(method, { author: `operator-${n}`, reason: 'because', ...request });

describe('two consoles of one fleet', () => {
  it(`of two that replace one version exactly one is taken, in each of ${ROUNDS} rounds, and both say so`, { timeout: 120_000 }, async () => {
    let { version } = await ask(0, 'ApplyPolicy', { document: policy('a.local', 1), replaces_version: 'none', wait: WAIT });
    for (let round = 0; round < ROUNDS; round++) {
      const answers = await Promise.allSettled([0, 1].map((n) => ask(n, 'ApplyPolicy', { document: policy('a.local', 2 + 2 * round + n), replaces_version: version })));
      const taken = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
      const refused = answers.flatMap((answer) => (answer.status === 'rejected' ? [(answer.reason as { code: number }).code] : []));
      expect([taken.length, refused]).toEqual([1, [status.ABORTED]]);
      version = taken[0].version;
      const inForce = await Promise.all([0, 1].map((n) => ask(n, 'ListPolicies', { key: { name: 'a.local' } })));
      expect(inForce.map(({ policies }) => policies[0].version as string)).toEqual([version, version]);
    }
  });

  it('what one says is in force for the other, in every partition', { timeout: 120_000 }, async () => {
    for (const host of HOSTS.slice(1)) expect(await ask(0, 'ApplyPolicy', { document: policy(host, 3), wait: WAIT })).toMatchObject({ in_force_at: expect.anything() as object });
    for (const upstream of HOSTS) expect(await ask(1, 'ForceOpen', { upstream, duration: { seconds: 600, nanos: 0 }, wait: WAIT })).toMatchObject({ in_force_at: expect.anything() as object });
    const breakers = await fetch(`http://${consoles[1]?.console.host}:${consoles[1]?.console.port}/api/v1/breakers?state=open`);
    expect(await breakers.json()).toMatchObject({ breakers: HOSTS.map((upstream) => ({ upstream, admit: 0, override: { author: 'operator-1', reason: 'because' } })) });
    await ask(0, 'ClearOverride', { upstream: 'b.local', wait: WAIT });
    await ask(0, 'DeletePolicy', { key: { kind: 'UpstreamTrafficSetting', namespace: 'eu', name: 'c.local' }, wait: WAIT });
    await expect(ask(1, 'ForceOpen', { upstream: 'c.local' })).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  it('a second fold of the log finds no difference after all of it', { timeout: 120_000 }, async () => {
    const env = { FUSEBOARD_KAFKA_BROKERS: kafkaBrokers, FUSEBOARD_REDIS_URL: redisUrl, FUSEBOARD_TOPIC_PREFIX: `${prefix}.`, FUSEBOARD_REDIS_PREFIX: `${prefix}:`, FUSEBOARD_PARTITIONS: '3' };
    expect(await run(['verify'], { env })).toMatchObject({ status: 0, stdout: expect.stringContaining('no difference') as string });
  });
});
