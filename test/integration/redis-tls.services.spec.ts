/** TLS to Redis: authorities of one's own, client certificates, users; what is wrong is said, and no secret is. */
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { commit } from '../contract/samples.ts';
import { makeCertificate } from '../support/certificate.ts';
import { eventually } from '../support/eventually.ts';
import { pki } from '../support/pki.ts';
import { hear, redisClient, stageRedis, type RedisStage } from '../support/redis-stage.ts';
import { asked } from '../support/services/redis-cli.ts';
import { ownRedis, ownRedisCluster, ownRedisSentinels } from '../support/services/services.ts';

async function worksOn(stage: RedisStage): Promise<void> {
  await stage.prepare();
  const heard = await hear(stage.stateFeed);
  expect(await stage.states.commit(commit(null, 4))).toEqual({ kind: 'OK' });
  await eventually(() => (heard.last?.meta?.next === 4 ? true : undefined), { what: 'the commit to be heard' });
}

const reason = (stage: RedisStage, pattern: RegExp): Promise<true> =>
  eventually(() => (stage.reach.some((said) => pattern.test(said)) ? true : undefined), { what: `${pattern} of ${stage.reach.join()}` });

test('a server whose certificate our authority signed is spoken to; without that authority it is not, and the reason is said', async (context) => {
  const { ca, server: tls } = pki();
  const server = await ownRedis(context, { tls, args: ['--tls-auth-clients', 'no'] });
  const url = `rediss://127.0.0.1:${server.tlsPort}`;
  await worksOn(stageRedis({ url, tls: { ca } }));
  await reason(stageRedis({ url }), /certificate/);
  const byAnotherName = stageRedis({ url: url.replace('127.0.0.1', 'localhost'), tls: { ca } });
  await reason(byAnotherName, /Hostname\/IP does not match certificate's altnames/);
  const other = stageRedis({ url, tls: { ca: pki().ca } });
  await reason(other, /certificate/);
  await expect(other.states.commit(commit(null, 4))).rejects.toThrow(/certificate/);
});

test('a client certificate is shown where the server asks for one, with a user, and no secret is ever said', async (context) => {
  const { client, server: tls, ca } = pki();
  const server = await ownRedis(context, { tls, args: ['--tls-auth-clients', 'yes'] });
  await redisClient(server.url).acl('SETUSER', 'ingest', 'on', '>canary-of-redis', '~*', '&*', '+@all');
  const at = `127.0.0.1:${server.tlsPort}`;
  const right = stageRedis({ url: `rediss://ingest:canary-of-redis@${at}`, tls: client('ingest') });
  await worksOn(right);
  const without = stageRedis({ url: `rediss://ingest:canary-of-redis@${at}`, tls: { ca } });
  await reason(without, /certificate required|handshake failure|closed|ECONNRESET/);
  const wrong = stageRedis({ url: `rediss://ingest:canary-of-nobody@${at}`, tls: client('ingest') });
  const refused = await wrong.prepare().catch((error: unknown) => error);
  expect(String(refused)).toContain('WRONGPASS');
  const said = [right, without, wrong].flatMap(({ reach, errors }) => [...reach, ...errors]);
  expect(inspect([said, refused], { depth: 9, showHidden: true })).not.toMatch(/canary|PRIVATE KEY/);
});

test('a renewed client certificate is used at the next connect, and one that cannot be read leaves the one before', async (context) => {
  const { client, server: tls, authority, write } = pki();
  const server = await ownRedis(context, { tls, args: ['--tls-auth-clients', 'yes'] });
  const files = client('ingest');
  const stage = stageRedis({ url: `rediss://127.0.0.1:${server.tlsPort}`, tls: files });
  await worksOn(stage);
  const again = async (): Promise<void> => {
    await asked(server, 'CLIENT', 'KILL', 'TYPE', 'normal');
    await eventually(async () => ((await stage.states.read(0)).meta?.next === 4 ? true : undefined), { what: 'the connection to be made again' });
  };
  write('ingest.pem', 'no certificate');
  await again();
  const expired = makeCertificate({ commonName: 'ingest', issuer: authority, validToMs: Date.now() - 3_600_000 });
  write('ingest.pem', expired.cert);
  write('ingest.key', expired.key);
  await asked(server, 'CLIENT', 'KILL', 'TYPE', 'normal');
  await reason(stage, /certificate|alert|closed/);
  client('ingest');
  await again();
  expect(stage.errors).toEqual([]);
});

test('a certificate that cannot be used stops the start, by the variable and the path', () => {
  const { server, ca, write } = pki();
  const start = (tls: { ca?: string; cert?: string; key?: string }) => () => stageRedis({ url: 'rediss://127.0.0.1:1', tls });
  expect(start({ ca: '/there/is/none.pem' })).toThrow("FUSEBOARD_REDIS_TLS_CA: /there/is/none.pem can't be read: ENOENT");
  expect(start({ ca: write('text.pem', 'no certificate') })).toThrow(/FUSEBOARD_REDIS_TLS_CA \(.*text\.pem\) can't be used/);
  expect(start({ ca, cert: server.cert, key: write('other.key', makeCertificate({ commonName: 'x' }).key) })).toThrow(/FUSEBOARD_REDIS_TLS_KEY \(.*other\.key\) can't be used/);
});

test('a Cluster is spoken to by TLS, each of its nodes, with a client certificate', async (context) => {
  const { client, server: tls } = pki();
  const cluster = await ownRedisCluster(context, { tls, args: ['--tls-auth-clients', 'yes'] });
  expect(cluster.url).toMatch(/^rediss\+cluster/);
  const stage = stageRedis({ url: cluster.url, tls: client('ingest'), partitions: 3 });
  await worksOn(stage);
  for (const partition of [1, 2]) expect(await stage.states.commit(commit(null, 4, { partition }))).toEqual({ kind: 'OK' });
});

test('Sentinels and the primary that they name are spoken to by TLS', async (context) => {
  const { client, server: tls } = pki();
  const sentinels = await ownRedisSentinels(context, { tls, args: ['--tls-auth-clients', 'yes'] });
  expect(sentinels.url).toMatch(/^rediss\+sentinel/);
  await worksOn(stageRedis({ url: sentinels.url, tls: client('ingest') }));
});
