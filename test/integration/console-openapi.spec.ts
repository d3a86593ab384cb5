/** libs/wire/openapi.yaml against the running console: every route, and every answer that it says may come. */
import 'reflect-metadata';
import { RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ConsoleModule } from '../../apps/console/src/console.module.ts';
import type { ConsoleDrivers } from '../../apps/console/src/breaker-queries.ts';
import { ConsoleStage } from '../support/console-stage.ts';
import { eventually } from '../support/eventually.ts';
import { OpenApiDocument } from '../support/open-api.ts';
import { INGEST, PROXY } from '../contract/presence.contract.ts';

const BY = { author: 'ann', reason: 'because', wait: '0s' };
const policy = (name: string, host = `${name}.test`): string => `apiVersion: policy.openservicemesh.io/v1alpha1
kind: UpstreamTrafficSetting
metadata: { name: ${name}, namespace: eu }
spec: { host: ${host}, connectionSettings: { http: { circuitBreaking: { errorAmountThreshold: 10, slowRatioThreshold: 0.5 } } } }
`;
const JSON_BODY = { 'content-type': 'application/json' };

const api = new OpenApiDocument();
const stages: ConsoleStage[] = [];
let stage: ConsoleStage;
beforeAll(async () => {
  stage = await opened();
  await stage.becomesReady();
});
afterAll(async () => {
  for (const each of stages) await each.close();
});

async function opened(options?: Parameters<typeof ConsoleStage.start>[0]): Promise<ConsoleStage> {
  const own = await ConsoleStage.start(options);
  stages.push(own);
  return own;
}

interface Asked {
  /** In place of what stands in braces in the path. */
  readonly at?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly of?: ConsoleStage;
}

/** Asks for it, and holds the answer against the document. Gives the status. */
async function ask(id: string, { at = {}, query = '', body, headers = {}, of = stage }: Asked = {}): Promise<number> {
  const { method, path } = api.find(id);
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => at[name] ?? 'x');
  const content = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body), headers: { ...JSON_BODY, ...headers } };
  const end = new AbortController();
  const response = await of.get(filled + query, { method, headers, ...content, signal: end.signal });
  const isEndless = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
  const misfit = await api.misfit(id, isEndless ? new Response('', { status: response.status, headers: response.headers }) : response);
  if (isEndless) end.abort();
  expect(misfit).toBe('');
  return response.status;
}

test('the document is OpenAPI 3.1', async () => {
  const { valid, errors } = await new Validator().validate({ ...structuredClone(api.document) });
  expect(errors ?? []).toEqual([]);
  expect(valid).toBe(true);
});

test('the console gives it at /openapi.json', async () => {
  expect(await (await stage.get('/openapi.json')).json()).toEqual(api.document);
  expect(await ask('openapi')).toBe(200);
});

test('every route of the console is in it, and no other', () => {
  const { controllers = [] } = ConsoleModule.forRoot({} as ConsoleDrivers, stage.runtime);
  const routes = controllers.flatMap((controller) => {
    const handlers = Object.getOwnPropertyNames(controller.prototype).map((name) => (controller.prototype as Record<string, unknown>)[name]).filter((each) => typeof each === 'function');
    return handlers.filter((handler) => Reflect.hasMetadata(METHOD_METADATA, handler) && Reflect.hasMetadata(PATH_METADATA, handler)).map((handler) => {
      const parts = [Reflect.getMetadata(PATH_METADATA, controller), Reflect.getMetadata(PATH_METADATA, handler)] as string[];
      const path = parts.map((part) => part.replaceAll(/^\/|\/$/g, '')).filter((part) => part !== '').join('/');
      return `${RequestMethod[Reflect.getMetadata(METHOD_METADATA, handler) as number]} /${path.replaceAll(/:(\w+)/g, '{$1}')}`;
    });
  });
  expect(routes.toSorted()).toEqual(api.operations.map(({ method, path }) => `${method} ${path}`).toSorted());
});

test('what is asked rightly is answered as it says', async () => {
  await stage.commit({ upstream: 'shop.test', state: 'open', admit: 0, untilMs: Date.now() + 60_000, override: { author: 'ann', reason: 'because', controlOffset: 3 } }, { upstream: 'b.test' });
  await stage.transition({ upstream: 'shop.test' }, { upstream: 'shop.test', generation: 3, from: 'open', to: 'closed', cause: { kind: 'deadline' } }, { upstream: 'shop.test', generation: 4, cause: { kind: 'override', author: 'ann', controlOffset: 3 } });
  const outcome = { upstream: 'shop.test', atMs: Date.now(), reporter: 'proxy-a', count: 1 } as const;
  await stage.store.outcomes.append([{ ...outcome, id: 'x/1', durationMs: 4.5, result: { kind: 'status', code: 503 } }, { ...outcome, result: { kind: 'failure', failure: 'refused' } }, { ...outcome, result: { kind: 'grpc', code: 14 } }, { ...outcome, result: { kind: 'ok' } }]);
  expect(await ask('applyPolicy', { body: { document: policy('shop'), ...BY, dry_run: true } })).toBe(200);
  expect(await ask('applyPolicy', { body: { document: policy('shop'), ...BY } })).toBe(200);
  expect(await ask('applyPolicy', { body: { document: policy('shop').replace('10', '5'), ...BY } })).toBe(200);
  await eventually(async () => ((await (await stage.get('/api/v1/breakers/shop.test')).text()).includes('thresholds') ? true : undefined), { what: 'the policy to be known' });
  await stage.store.presence.beat([INGEST, PROXY].map((heartbeat) => ({ heartbeat, ageMs: 0 })));
  const shop = { at: { upstream: 'shop.test' } };
  expect(await ask('forceBreaker', { ...shop, body: { to: 'open', for: '10m', ...BY } })).toBe(200);
  expect(await ask('forceBreaker', { ...shop, body: { to: 'closed', until_cleared: true, ...BY } })).toBe(200);
  expect(await ask('clearOverride', { ...shop, body: BY })).toBe(200);
  for (const id of ['getBreaker', 'listTransitions', 'recentOutcomes', 'listControlRecords']) expect([id, await ask(id, shop)]).toEqual([id, 200]);
  expect(await ask('getOutcome', { at: { ...shop.at, offset: '0' } })).toBe(200);
  const { records } = (await (await stage.get('/api/v1/breakers/shop.test/control')).json()) as { records: { kind: string; control_offset: number }[] };
  const [applied, cleared] = ['apply', 'clear'].map((kind) => `${records.find((each) => each.kind === kind)?.control_offset}`) as [string, string];
  expect(await ask('getAppliedPolicy', { at: { offset: applied } })).toBe(200);
  expect(await ask('getAppliedPolicy', { at: { offset: cleared } })).toBe(404);
  expect(await ask('getAppliedPolicy', { at: { offset: 'first' } })).toBe(400);
  for (const id of ['listBreakers', 'listPolicies', 'events', 'getFleet', 'fleetEvents', 'alive', 'ready', 'metrics']) expect([id, await ask(id)]).toEqual([id, 200]);
  expect(await ask('deletePolicy', { at: { kind: 'UpstreamTrafficSetting', namespace: 'eu', name: 'shop' }, body: BY })).toBe(200);
});

test('what is asked wrongly is answered as it says', async () => {
  await stage.commit({ upstream: 'wrong.test' });
  const wrong = { at: { upstream: 'wrong.test' } };
  const none = { at: { upstream: 'nobody.test' } };
  for (const id of ['listBreakers', 'listTransitions', 'listControlRecords', 'listPolicies']) expect([id, await ask(id, { ...wrong, query: '?page_size=5000' })]).toEqual([id, 400]);
  expect(await ask('recentOutcomes', { ...wrong, query: '?span_s=1' })).toBe(400);
  for (const id of ['getFleet', 'fleetEvents']) expect([id, await ask(id, { query: '?limit=1001' })]).toEqual([id, 400]);
  expect(await ask('getOutcome', { at: { ...wrong.at, offset: 'first' } })).toBe(400);
  expect(await ask('getOutcome', { at: { ...wrong.at, offset: '999999' } })).toBe(404);
  for (const id of ['forceBreaker', 'clearOverride', 'applyPolicy', 'deletePolicy']) {
    expect([id, await ask(id, { body: { nonsense: 1 } })]).toEqual([id, 400]);
    expect([id, await ask(id, { body: 'no JSON' })]).toEqual([id, 400]);
    expect([id, await ask(id, { body: { reason: 'x'.repeat(2_100_000) } })]).toEqual([id, 413]);
    expect([id, await ask(id, { headers: { 'content-type': 'text/plain' } })]).toEqual([id, 415]);
    expect([id, await ask(id, { body: BY, headers: { 'sec-fetch-site': 'cross-site' } })]).toEqual([id, 403]);
  }
  for (const id of ['getBreaker', 'listTransitions', 'recentOutcomes']) expect([id, await ask(id, none)]).toEqual([id, 404]);
  expect(await ask('forceBreaker', { ...none, body: { to: 'open', for: '1m', ...BY } })).toBe(404);
  expect(await ask('clearOverride', { ...none, body: BY })).toBe(404);
  const key = { kind: 'UpstreamTrafficSetting', namespace: 'eu', name: 'first' };
  expect(await ask('deletePolicy', { at: key, body: BY })).toBe(404);
  expect(await ask('applyPolicy', { body: { document: policy('first'), ...BY } })).toBe(200);
  expect(await ask('applyPolicy', { body: { document: policy('first').replace('10', '5'), ...BY, replaces_version: 'none' } })).toBe(409);
  expect(await ask('deletePolicy', { at: key, body: { ...BY, replaces_version: '0123456789ab' } })).toBe(409);
  expect(await ask('applyPolicy', { body: { document: policy('second', 'first.test'), ...BY } })).toBe(412);
  expect(await ask('listControlRecords', { at: { upstream: 'first.test' } })).toBe(200);
  const { readDocument } = await import('#wire');
  const { parse } = await import('yaml');
  const owned = readDocument(parse(policy('owned')));
  if ('problems' in owned) throw new Error('it is sound');
  await stage.store.control.append([{ author: 'directory', reason: 'as in owned.yaml', source: 'directory', change: { kind: 'apply', document: owned.document } }]);
  expect(await ask('deletePolicy', { at: { ...key, name: 'owned' }, body: BY })).toBe(412);
});

test('what cannot be answered now is said as it says', async () => {
  const down = () => Promise.reject(new Error('out of reach'));
  const of = await opened({ stored: false, drivers: ({ control, transitions, presence }) => ({ control: { ...control, read: down, append: down }, transitions: { ...transitions, list: down }, presence: { ...presence, list: down } }) });
  of.runtime.health.broken('for the test');
  for (const id of ['alive', 'ready', 'listBreakers', 'listControlRecords', 'listPolicies', 'getFleet']) expect([id, await ask(id, { of })]).toEqual([id, 503]);
  for (const id of ['getBreaker', 'listTransitions', 'recentOutcomes']) expect([id, await ask(id, { of })]).toEqual([id, 503]);
  expect(await ask('getOutcome', { of, at: { offset: '0' } })).toBe(503);
  expect(await ask('getAppliedPolicy', { of, at: { offset: '0' } })).toBe(503);
  expect(await ask('forceBreaker', { of, body: { to: 'open', for: '1m', ...BY } })).toBe(503);
  expect(await ask('clearOverride', { of, body: BY })).toBe(503);
  expect(await ask('applyPolicy', { of, body: { document: policy('shop'), ...BY } })).toBe(503);
  expect(await ask('deletePolicy', { of, at: { kind: 'Upstream', namespace: 'eu', name: 'shop' }, body: BY })).toBe(503);
});

test('who may not ask is told so as it says', async () => {
  const of = await opened({ env: { FUSEBOARD_CONSOLE_LISTEN: '0.0.0.0:0', FUSEBOARD_GRPC_LISTEN: '0.0.0.0:0', FUSEBOARD_TOKEN: 'hush' } });
  const guarded = api.operations.filter(({ operation }) => '401' in operation.responses).map(({ id }) => id);
  for (const id of guarded) expect([id, await ask(id, { of })]).toEqual([id, 401]);
  const headers = { authorization: 'Bearer wrong' };
  await eventually(async () => ((await of.get('/metrics', { headers })).status === 429 ? true : undefined), { what: 'too many wrong tokens' });
  for (const id of guarded) expect([id, await ask(id, { of, headers })]).toEqual([id, 429]);
  expect(api.operations.map(({ id }) => id).filter((id) => !guarded.includes(id))).toEqual(['alive', 'ready']);
});

test('each answer that it has was given by the console here, but for a 501st reader of events and a 101st of the fleet', () => {
  expect(api.described.filter((each) => !api.seen.has(each))).toEqual(['GET /api/v1/events 503', 'GET /api/v1/fleet/events 503']);
});
