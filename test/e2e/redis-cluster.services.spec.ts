/** The fleet's processes and the `fuseboard` command on a Redis Cluster with TLS, client certificates and users. */
import { writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { run } from '../support/command.ts';
import { pki } from '../support/pki.ts';
import { asked } from '../support/services/redis-cli.ts';
import { ownRedisCluster, services } from '../support/services/services.ts';
import { THRESHOLD, callTimes, openShop, refusalAt } from './shop.ts';

const DEADLINE_MS = 180_000;
const PARTITIONS = 3;
const CANARY = 'canary-8d1f';

it('on a Cluster with TLS and users the fleet trips, Redis is lost for ever, `rebuild` makes it again, and no secret is printed', { timeout: DEADLINE_MS }, async (context) => {
  const { client, server: tls, write } = pki();
  const cluster = await ownRedisCluster(context, { tls, args: ['--tls-auth-clients', 'yes'] });
  for (const node of cluster.nodes) await asked(node, 'ACL', 'SETUSER', 'fuse', 'on', `>${CANARY}`, '~*', '&*', '+@all');
  const { ca, cert, key } = client('fleet');
  const { kafkaBrokers } = services();
  const url = write('url', cluster.url.replace('//', `//fuse:${CANARY}@`));
  const secure = { FUSEBOARD_REDIS_URL: '', FUSEBOARD_REDIS_URL_FILE: url, FUSEBOARD_REDIS_TLS_CA: ca, FUSEBOARD_REDIS_TLS_CERT: cert, FUSEBOARD_REDIS_TLS_KEY: key };
  const { stage, policy, prefix } = await openShop(context, { kafkaBrokers, redisUrl: cluster.url });
  const command = (name: string) =>
    run([name], { env: { FUSEBOARD_KAFKA_BROKERS: kafkaBrokers, ...secure, FUSEBOARD_TOPIC_PREFIX: `${prefix}.`, FUSEBOARD_REDIS_PREFIX: `${prefix}:`, FUSEBOARD_PARTITIONS: `${PARTITIONS}` } });
  await policy();
  const [ingest, proxy] = await Promise.all([stage.ingest(secure), stage.proxy(secure)]);
  await stage.ready([ingest, proxy]);
  await callTimes(proxy.proxy, THRESHOLD, '?status=503');
  await refusalAt(proxy.proxy);

  expect(await ingest.stop()).toBe(0);
  for (const node of cluster.nodes) await asked(node, 'FLUSHALL');
  expect(await command('rebuild')).toMatchObject({ status: 0, stderr: '' });
  expect(await command('verify')).toMatchObject({ status: 0 });
  expect(await callTimes(proxy.proxy, 2)).toMatchObject([{ degraded: true }, { degraded: true }]);
  const late = await stage.proxy(secure);
  const next = await stage.ingest(secure);
  await stage.ready([next, late, proxy]);
  await refusalAt(late.proxy);

  // Nothing is said of a password, whether Redis takes it or not.
  writeFileSync(url, cluster.url.replace('//', `//fuse:${CANARY}-wrong@`));
  const refused = await command('verify');
  expect(refused.status).not.toBe(0);
  expect(refused.stderr).toContain('WRONGPASS');
  expect(`${stage.output}${refused.stderr}${refused.stdout}`).not.toMatch(new RegExp(`${CANARY}|PRIVATE KEY`));
});
