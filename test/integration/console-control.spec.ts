/** What operators do by hand, over gRPC and HTTP: each ends in the control log, or is refused with a reason. */
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleStage, type BreakerTestClient, type Message } from '../support/console-stage.ts';

const BY = { author: 'ann', reason: 'because' };
const FILE = `# as ops wrote it
apiVersion: policy.openservicemesh.io/v1alpha1
kind: UpstreamTrafficSetting
metadata: { name: shop, namespace: eu }   # aligned by hand
spec:
  host: shop.local
  connectionSettings: { http: { circuitBreaking: { errorAmountThreshold: 10, statTimeWindow: 1m } } }
`;
const policy = (name: string, { host = `${name}.local`, breaking = 'errorAmountThreshold: 10' } = {}): string => `apiVersion: policy.openservicemesh.io/v1alpha1
kind: UpstreamTrafficSetting
metadata: { name: ${name}, namespace: eu }
spec: { host: ${host}, connectionSettings: { http: { circuitBreaking: { ${breaking} } } } }
`;
const keyOf = (name: string) => ({ kind: 'UpstreamTrafficSetting', namespace: 'eu', name });

let stage: ConsoleStage;
let control: BreakerTestClient;
beforeAll(async () => {
  stage = await ConsoleStage.start();
  await stage.becomesReady();
  control = stage.controlClient();
});
afterAll(() => stage.close());

const apply = (document: string, more: object = {}): Promise<Message> => control.call('ApplyPolicy', { document, ...BY, ...more });
const list = async (): Promise<Message[]> => (await control.call('ListPolicies')).policies as Message[];
const records = async () => await stage.store.control.read(0);
const history = async (upstream: string): Promise<Message[]> => (await stage.controlClient({}, 'HistoryService').call('ListControlRecords', { upstream })).records as Message[];

describe('a document', () => {
  it('that is applied stands in the control log with author, reason and version, and comes back to the byte', async () => {
    const { control_offset: offset, version, key, plan } = await apply(FILE);
    expect({ key, plan }).toMatchObject({ key: keyOf('shop'), plan: { change: 'create', effects: ['the breaker of shop.local begins closed, with an empty window'] } });
    expect((await records()).find((record) => record.offset === offset)).toMatchObject({ ...BY, source: 'api', change: { kind: 'apply', written: FILE } });
    expect(await list()).toMatchObject([{ document: FILE, version, upstream: 'shop.local', source: 'api', ...BY, control_offset: offset }]);
  });

  it('that is applied as it is writes nothing; with another comment alone it is kept anew, in the same version', async () => {
    const before = (await records()).length;
    const { control_offset: offset, version, plan } = await apply(FILE);
    expect([plan.change, (await records()).length]).toEqual(['none', before]);
    const again = await apply(FILE.replace('as ops wrote it', 'as ops wrote it again'), { replaces_version: version });
    expect([again.version, again.control_offset > offset]).toEqual([version, true]);
    expect((await list())[0].document).toContain('wrote it again');
  });

  it.each<[string, string, RegExp]>([
    ['a field out of its range', policy('bad', { breaking: 'errorRatioThreshold: 7' }), /^spec\.connectionSettings\.http\.circuitBreaking\.errorRatioThreshold: found 7; allowed: a number from 0 to 1/],
    ['no YAML', 'a: [', /^document: no valid YAML/],
    ['two documents', `${policy('one')}---\n${policy('two')}`, /^document: found 2 documents; allowed: one/],
  ])('with %s is refused by the field’s path', async (_, text, message) => {
    await expect(apply(text)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringMatching(message) as string });
  });

  it('whose host belongs to another one is refused, and nothing is written', async () => {
    const before = (await records()).length;
    await expect(apply(policy('second', { host: 'shop.local' }))).rejects.toMatchObject({ code: status.FAILED_PRECONDITION, details: expect.stringContaining('belongs to UpstreamTrafficSetting/eu/shop') as string });
    expect((await records()).length).toBe(before);
  });

  it('that is too large for a record of the log is refused', async () => {
    const text = `${policy('large')}# ${'"'.repeat(505_000)}\n`;
    await expect(apply(text)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringMatching(/^document: found \d{7} bytes as a record, allowed: at most 1000000$/) as string });
  });

  it('whose listener belongs to another one is refused, since no proxy could serve both', async () => {
    const tcp = (name: string): string => JSON.stringify({ apiVersion: 'fuseboard.dev/v1', kind: 'Upstream', metadata: { name, namespace: 'eu' }, spec: { host: `${name}.local`, protocol: 'tcp', listen: '127.0.0.1:7000', targets: ['127.0.0.1:1'] } });
    await apply(tcp('first-tcp'));
    await expect(apply(tcp('second-tcp'))).rejects.toMatchObject({ code: status.FAILED_PRECONDITION, details: 'spec.listen: 127.0.0.1:7000 belongs to Upstream/eu/first-tcp; allowed: a listener of its own' });
  });

  it('of a directory can’t be changed or deleted by hand, and the refusal says where', async () => {
    const { readDocument } = await import('#wire');
    const { parse } = await import('yaml');
    const reading = readDocument(parse(policy('owned')));
    if ('problems' in reading) throw new Error('it is sound');
    await stage.store.control.append([{ author: 'directory', reason: 'as in /etc/fuseboard/owned.yaml', source: 'directory', change: { kind: 'apply', document: reading.document } }]);
    const refused = { code: status.FAILED_PRECONDITION, details: expect.stringContaining('as in /etc/fuseboard/owned.yaml') as string };
    await expect(apply(policy('owned', { breaking: 'errorAmountThreshold: 1' }))).rejects.toMatchObject(refused);
    await expect(control.call('DeletePolicy', { key: keyOf('owned'), ...BY })).rejects.toMatchObject(refused);
    expect((await control.call('ForceOpen', { upstream: 'owned.local', ...BY })).control_offset).toBeGreaterThan(0);
  });

  it('is compared by the version that it replaces: who comes second is told who was first', async () => {
    const { version } = await apply(policy('compared'), { replaces_version: 'none' });
    await apply(policy('compared', { breaking: 'errorAmountThreshold: 11' }), { replaces_version: version, author: 'bob' });
    const late = { code: status.ABORTED, details: expect.stringContaining('bob was first') as string };
    await expect(apply(policy('compared', { breaking: 'errorAmountThreshold: 12' }), { replaces_version: version })).rejects.toMatchObject(late);
    await expect(apply(policy('compared', { breaking: 'errorAmountThreshold: 12' }), { replaces_version: 'none' })).rejects.toMatchObject(late);
    await expect(control.call('DeletePolicy', { key: keyOf('compared'), ...BY, replaces_version: version })).rejects.toMatchObject(late);
    await control.call('DeletePolicy', { key: keyOf('compared'), ...BY });
    await expect(control.call('DeletePolicy', { key: keyOf('compared'), ...BY })).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  it('applied by two at once is taken from the first in the log, whatever the checks before it said', async () => {
    const { version } = await apply(policy('raced'));
    const answers = await Promise.allSettled([1, 2, 3, 4, 5].map((n) => apply(policy('raced', { breaking: `errorAmountThreshold: ${20 + n}` }), { replaces_version: version, author: `author-${n}` })));
    expect(answers.filter((answer) => answer.status === 'fulfilled')).toHaveLength(1);
    const refusals = answers.flatMap((answer) => (answer.status === 'rejected' ? [(answer.reason as { code: number }).code] : []));
    expect(refusals).toEqual(Array.from({ length: 4 }, () => status.ABORTED));
  });
});

describe('a dry run', () => {
  it('writes nothing, and says field by field what would change and what that does now', async () => {
    await apply(policy('dry', { breaking: 'errorAmountThreshold: 10, degradedTimeWindow: 10s' }));
    await stage.commit({ upstream: 'dry.local', window: { startedAtMs: Date.now() - 1_000, total: 40, errors: 7, slow: 2 } });
    const before = (await records()).length;
    const plan = async (breaking: string) => (await apply(policy('dry', { breaking }), { dry_run: true })).plan;
    const kept = await plan('errorAmountThreshold: 20');
    expect(kept).toMatchObject({
      change: 'change',
      window: 'kept',
      fields: [
        { path: 'spec.connectionSettings.http.circuitBreaking.errorAmountThreshold', before: '10', after: '20' },
        { path: 'spec.connectionSettings.http.circuitBreaking.degradedTimeWindow', before: '"10s"', after: '' },
      ],
      effects: ['now 7 errors of 40 calls, 2 slow: would not open; it is judged at the next outcome'],
      trip_rates: [expect.stringMatching(/^20 errors in 30s: at \d+\.?\d* calls\/s trips above/) as string],
    });
    expect((await plan('errorAmountThreshold: 7')).effects).toEqual(['now 7 errors of 40 calls, 2 slow: would open at the next outcome, even a good one']);
    expect((await plan('errorAmountThreshold: 8')).effects).toEqual(['now 7 errors of 40 calls, 2 slow: would open at the next error']);
    expect(await plan('errorAmountThreshold: 7, statTimeWindow: 1m')).toMatchObject({
      window: 'new',
      effects: ['a new, empty window begins: what is measured changes (statTimeWindow 30s → 1m)', 'now 0 errors of 0 calls, 0 slow: would not open; it is judged at the next outcome'],
    });
    expect((await records()).length).toBe(before);
  });
});

describe('an override', () => {
  it('needs a known upstream, an author, a reason and a sound duration', async () => {
    const asked = { upstream: 'SHOP.local', ...BY };
    const refusals: [object, number, string][] = [
      [{ upstream: 'nobody.local' }, status.NOT_FOUND, 'there is no upstream nobody.local'],
      [{ author: ' ' }, status.INVALID_ARGUMENT, 'author: found nothing'],
      [{ reason: '' }, status.INVALID_ARGUMENT, 'reason: found nothing'],
      [{ reason: 'two\nlines' }, status.INVALID_ARGUMENT, 'reason: '],
      [{ duration: { seconds: 0, nanos: 0 } }, status.INVALID_ARGUMENT, 'duration: found 0 ms'],
      [{ duration: { seconds: 40_000_000, nanos: 0 } }, status.INVALID_ARGUMENT, 'duration: '],
    ];
    for (const [over, code, message] of refusals) await expect(control.call('ForceOpen', { ...asked, ...over })).rejects.toMatchObject({ code, details: expect.stringContaining(message) as string });
    const { control_offset: offset } = await control.call('ForceOpen', { ...asked, duration: { seconds: 600, nanos: 0 } });
    expect((await records()).at(-1)).toMatchObject({ offset, ...BY, change: { kind: 'force', upstream: 'shop.local', to: 'open', durationMs: 600_000 } });
    await control.call('ForceClosed', asked);
    await control.call('ClearOverride', asked);
    expect((await records()).slice(-2).map(({ change }) => change)).toEqual([{ kind: 'force', upstream: 'shop.local', to: 'closed' }, { kind: 'clear', upstream: 'shop.local' }]);
  });

  it('is told in the history of its upstream, newest first, beside what was not taken', async () => {
    const said = await history('shop.local');
    expect(said.map(({ kind }) => kind as string)).toEqual(['clear', 'force-closed', 'force-open', 'apply', 'apply']);
    expect(said[2]).toMatchObject({ ...BY, upstreams: ['shop.local'], until: expect.anything() as object });
    expect(said[3]).toMatchObject({ not_taken: 'same' });
  });
});

describe('each version of a document', () => {
  it('is given back as its record applied it, whatever came after; a record that applied none is told so', async () => {
    const [first, second] = [policy('versioned'), `# less\n${policy('versioned', { breaking: 'errorAmountThreshold: 3' })}`];
    const offsets: number[] = [];
    for (const document of [first, second]) offsets.push((await apply(document)).control_offset as number);
    const { control_offset: deleted } = await control.call('DeletePolicy', { key: keyOf('versioned'), ...BY });
    const byRecord = (offset: unknown): Promise<Message> => stage.controlClient({}, 'HistoryService').call('GetAppliedPolicy', { control_offset: offset });
    for (const [n, document] of [first, second].entries()) expect(await byRecord(offsets[n])).toMatchObject({ key: keyOf('versioned'), document, control_offset: offsets[n], ...BY });
    for (const offset of [deleted, 999_999]) await expect(byRecord(offset)).rejects.toMatchObject({ code: status.NOT_FOUND, details: expect.stringContaining(`control record ${String(offset)} applied no document`) as string });
    expect(await (await stage.get(`/api/v1/control/${offsets[0]}/document`)).json()).toMatchObject({ document: first, applied_at: expect.stringMatching(/Z$/) as string });
  });
});

describe('over HTTP', () => {
  const send = (what: `${'POST' | 'DELETE'} ${string}`, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> => {
    const [method = '', path = ''] = what.split(' ');
    return stage.get(path, { method, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
  };

  it('the same is done, with JSON bodies', async () => {
    const applied = await send('POST /api/v1/policies', { document: policy('web'), ...BY, wait: '0' });
    expect([applied.status, await applied.json()]).toMatchObject([200, { key: keyOf('web'), plan: { change: 'create' } }]);
    const forced = await send('POST /api/v1/breakers/web.local/override', { to: 'open', for: '10m', ...BY, wait: '0' });
    expect([forced.status, await forced.json()]).toEqual([200, { control_offset: expect.any(Number) as number }]);
    expect((await send('DELETE /api/v1/breakers/web.local/override', { ...BY, wait: '0' })).status).toBe(200);
    const listed = (await (await stage.get('/api/v1/policies?name=web')).json()) as Message;
    expect(listed.policies).toMatchObject([{ document: policy('web'), upstream: 'web.local' }]);
    const said = (await (await stage.get('/api/v1/breakers/web.local/control')).json()) as Message;
    expect(said.records.map(({ kind }: Message) => kind as string)).toEqual(['clear', 'force-open', 'apply']);
    expect((await send('DELETE /api/v1/policies/UpstreamTrafficSetting/eu/web', { ...BY, wait: '0' })).status).toBe(200);
  });

  it.each<[string, 'POST' | 'DELETE', string, unknown, number, string]>([
    ['an end that isn’t said', 'POST', '/api/v1/breakers/shop.local/override', { to: 'open', ...BY }, 400, 'for: found nothing, allowed: a duration'],
    ['a bad duration', 'POST', '/api/v1/breakers/shop.local/override', { to: 'open', for: 'soon', ...BY }, 400, 'for: found \\"soon\\"'],
    ['a misspelt field', 'POST', '/api/v1/policies', { documnet: '', ...BY }, 400, 'documnet: found an unknown field'],
    ['an unknown upstream', 'DELETE', '/api/v1/breakers/nobody.local/override', BY, 404, 'there is no upstream nobody.local'],
    ['a directory’s document', 'DELETE', '/api/v1/policies/UpstreamTrafficSetting/eu/owned', BY, 412, 'belongs to a directory'],
    ['another version', 'POST', '/api/v1/policies', { document: policy('shop', { breaking: 'errorAmountThreshold: 1' }), replaces_version: 'none', ...BY }, 409, 'is version'],
  ])('%s is refused', async (...[, method, path, body, code, message]) => {
    const answer = await send(`${method} ${path}`, body);
    expect([answer.status, await answer.text()]).toEqual([code, expect.stringContaining(message)]);
  });

  it('no page of another site writes, and nothing is written by anything but JSON', async () => {
    const body = { to: 'open', for: '10m', ...BY };
    const path = '/api/v1/breakers/shop.local/override';
    const before = (await records()).length;
    expect((await send(`POST ${path}`, body, { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await send(`POST ${path}`, body, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await send(`POST ${path}`, body, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await stage.get(path)).status).toBe(404);
    expect((await records()).length).toBe(before);
    expect((await send(`POST ${path}`, { ...body, wait: '0' }, { origin: stage.base, 'sec-fetch-site': 'same-origin' })).status).toBe(200);
  });
});
