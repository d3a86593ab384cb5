/** A canary in every secret setting that there is: it must appear in nothing that a process says. */
import { createServer } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { readConfig } from '#runtime';
import { SETTINGS, type Setting } from '../../libs/runtime/src/settings.ts';
import { Program } from '../support/program.ts';

const CANARY = 'canary7f3a9c';

/** Where nothing answers: connections are taken and ended, so that each error there is comes. */
async function nobody(): Promise<number> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as { port: number }).port;
}

/** A value that is allowed, for a new setting too: the test fails until it stands here. */
const VALUES: Readonly<Record<string, (port: number) => string>> = {
  FUSEBOARD_TOKEN: () => CANARY,
  FUSEBOARD_READ_TOKEN: () => `${CANARY}-read`,
  FUSEBOARD_KAFKA_SASL_PASSWORD: () => CANARY,
  FUSEBOARD_REDIS_URL: (port) => `redis+sentinel://user-${CANARY}:${CANARY}@127.0.0.1:${port}/primary`,
  FUSEBOARD_REDIS_SENTINEL_PASSWORD: () => CANARY,
};
const secrets = Object.values(SETTINGS as Readonly<Record<string, Setting<unknown>>>).flatMap(({ variable, secret }) => (secret ? [variable] : []));

it('every secret setting has a canary here', () => {
  expect(Object.keys(VALUES).toSorted()).toEqual(secrets.toSorted());
});

it.each(['console', 'ingest', 'proxy'])('no secret of %s is in its log at trace, its metrics, its health or its errors', async (name) => {
  const port = await nobody();
  const program = new Program({
    name,
    env: {
      ...Object.fromEntries(Object.entries(VALUES).map(([variable, value]) => [variable, value(port)])),
      FUSEBOARD_KAFKA_BROKERS: `127.0.0.1:${port}`,
      FUSEBOARD_KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
      FUSEBOARD_KAFKA_SASL_USERNAME: 'me',
      FUSEBOARD_CONSOLE_LISTEN: '0.0.0.0:0',
      FUSEBOARD_GRPC_LISTEN: '0.0.0.0:0',
      FUSEBOARD_ADMIN_LISTEN: '0.0.0.0:0',
      FUSEBOARD_PROXY_LISTEN: '127.0.0.1:0',
      FUSEBOARD_LOG_LEVEL: 'trace',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://127.0.0.1:${port}/v1/traces?key=${CANARY}`,
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${CANARY}`,
      OTEL_BSP_SCHEDULE_DELAY: '10',
      OTEL_EXPORTER_OTLP_TIMEOUT: '500',
    },
  });
  onTestFinished(() => program.kill());
  const { port: own } = await program.until('the address', () => program.address(name === 'console' ? 'console' : 'admin'));
  // By then both stores were tried, and their errors said.
  for (const store of ['Kafka', 'Redis']) await program.until(`a word about ${store}`, () => (program.log.some(({ msg }) => msg.includes(store)) ? true : undefined));
  if (name === 'proxy') {
    const proxy = await program.until('the proxy’s address', () => program.address('proxy'));
    await (await fetch(`http://127.0.0.1:${proxy.port}/`)).text();
    await program.until('a word about the collector', () => (program.log.some(({ msg }) => msg.startsWith('traces could not be told')) ? true : undefined));
  }
  const said: string[] = [];
  for (const path of ['/', '/healthz', '/readyz', '/metrics', '/api/v1/breakers', '/api/v1/breakers/%']) {
    for (const token of [undefined, 'wrong', CANARY]) {
      const answer = await fetch(`http://127.0.0.1:${own}${path}`, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });
      said.push(`${answer.status} ${JSON.stringify([...answer.headers])} ${await answer.text()}`);
    }
  }
  await program.stop();
  expect(said.some((answer) => answer.startsWith('200') && answer.includes('process_cpu_seconds_total'))).toBe(true);
  expect([...said, ...program.output.split('\n')].filter((text) => text.includes(CANARY))).toEqual([]);
});

it.each(secrets)('a value of %s that is not allowed stops the start and is not shown', (variable) => {
  const env = { FUSEBOARD_KAFKA_BROKERS: '127.0.0.1:1', FUSEBOARD_REDIS_URL: 'redis+sentinel://127.0.0.1:1/p', [variable]: `${CANARY} \u0007` };
  const start = (): unknown => readConfig({ role: 'console', argv: [], env });
  expect(start).toThrow(new RegExp(`${variable}: found a value that is none of those \\(it is secret, and not shown\\)`));
  expect(start).not.toThrow(CANARY);
});
