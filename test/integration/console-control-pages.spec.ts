/** What was said of documents as large as they may be: no message of gRPC holds all of it, and each is told all the same. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ControlDraft } from '#engine';
import { readDocument } from '#wire';
import { run } from '../support/command.ts';
import { ConsoleStage, type Message } from '../support/console-stage.ts';

const [ROUTES, HEADERS, VERSIONS] = [50, 32, 8];
/** Of a message, bytes (`grpc-server.ts`). */
const MESSAGE_MAX_BYTES = 4_194_304;

/** Of some 400 kB, and with each version every header differs. */
function large(name: string, version: number): ControlDraft {
  const responseHeadersToAdd = Array.from({ length: HEADERS }, (_, n) => ({ name: `x-header-${n}`, value: `${version}`.repeat(190) }));
  const httpRoutes = Array.from({ length: ROUTES }, (_, n) => ({ path: `/${n}`, rateLimit: { local: { http: { requests: 1, unit: 'second', responseHeadersToAdd } } } }));
  const reading = readDocument({ apiVersion: 'policy.openservicemesh.io/v1alpha1', kind: 'UpstreamTrafficSetting', metadata: { name }, spec: { host: `${name}.test`, httpRoutes } });
  if ('problems' in reading) throw new Error('it is sound', { cause: reading.problems });
  return { author: 'ann', reason: `version ${version}`, source: 'api', change: { kind: 'apply', document: reading.document } };
}

const versions = Array.from({ length: VERSIONS }, (_, n) => n);
let stage: ConsoleStage;
beforeAll(async () => {
  stage = await ConsoleStage.start();
  await stage.commit({ upstream: 'one.test' });
  await stage.becomesReady();
  for (const n of versions) await stage.store.control.append([large('one', n), large(`other-${n}`, n)]);
});
afterAll(() => stage.close());

/** @param ask gives one page */
async function pages(ask: (pageToken: string) => Promise<Message>): Promise<Message[]> {
  const all = [await ask('')];
  while (all.at(-1)?.next_page_token !== '') all.push(await ask(all.at(-1)?.next_page_token as string));
  return all;
}

const reasons = (answered: readonly Message[]): string[] => answered.flatMap(({ records }) => records.map(({ reason }: Message) => reason as string));
const newestFirst = versions.toReversed().map((n) => `version ${n}`);

it('records of an upstream come page by page, each once, whatever page size was asked for', async () => {
  const history = stage.controlClient({}, 'HistoryService');
  const answered = await pages((page_token) => history.call('ListControlRecords', { upstream: 'one.test', page_size: 1_000, page_token }));
  expect(reasons(answered)).toEqual(newestFirst);
  expect(answered.length).toBeGreaterThan(1);
  const bytes = answered.map((page) => Buffer.byteLength(JSON.stringify(page)));
  expect(bytes.reduce((sum, each) => sum + each)).toBeGreaterThan(MESSAGE_MAX_BYTES);
});

it('they come so over HTTP too', async () => {
  const answered = await pages(async (token) => (await (await stage.get(`/api/v1/breakers/one.test/control?page_size=1000&page_token=${token}`)).json()) as Message);
  expect(reasons(answered)).toEqual(newestFirst);
  expect(answered.length).toBeGreaterThan(1);
});

it('`fuseboard history` tells as many of them as it was asked for', async () => {
  const told = async (...limit: string[]) => {
    const { stdout, stderr } = await run(['--server', `127.0.0.1:${stage.console.grpcAddress.port}`, 'history', 'one.test', '-o', 'json', ...limit]);
    return [(JSON.parse(stdout) as Message[]).map(({ reason }) => reason as string), stderr];
  };
  expect(await told()).toEqual([newestFirst.toReversed(), '']);
  expect(await told('--limit', '5')).toEqual([newestFirst.slice(0, 5).toReversed(), expect.stringMatching(/^there is more before .*: --limit\n$/)]);
});

it('documents in force come page by page, each once', async () => {
  const answered = await pages((page_token) => stage.controlClient().call('ListPolicies', { page_size: 1_000, page_token }));
  expect(answered.flatMap(({ policies }) => policies.map(({ upstream }: Message) => upstream as string))).toEqual(['one.test', ...versions.map((n) => `other-${n}.test`)]);
});
