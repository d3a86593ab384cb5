/** Operating by hand on the running product, as an operator does: by the command line, through restarts. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, type Finished } from '../support/command.ts';
import { eventually } from '../support/eventually.ts';
import { startStandalone, type Standalone } from '../support/standalone.ts';

const root = mkdtempSync(join(tmpdir(), 'fuseboard-control-'));
const [dataDir, file] = [join(root, 'data'), join(root, 'shop.yaml')];
const UPSTREAM = `# where it is
apiVersion: fuseboard.dev/v1
kind: Upstream
metadata: { name: shop, namespace: eu }
spec: { host: shop.local, targets: ["127.0.0.1:1"] }
`;
const policy = (breaking: string, metadata = ''): string => `apiVersion: policy.openservicemesh.io/v1alpha1
kind: UpstreamTrafficSetting
metadata: { name: shop, namespace: eu${metadata} }  # by hand
spec:
  host: shop.local
  connectionSettings: { http: { circuitBreaking: { ${breaking} } } }
`;
const AMOUNT = 'errorAmountThreshold: 3, degradedTimeWindow: 10m, degradedStatusCode: 520';

let product: Standalone;
const begin = async (): Promise<void> => void (product = await startStandalone({ dataDir, demo: true }));
const fuseboard = (...args: string[]): Promise<Finished> => run(args, { env: { FUSEBOARD_SERVER: `127.0.0.1:${product.addresses.grpc.port}` } });
const done = async (...args: string[]): Promise<string> => {
  const { status, stdout, stderr } = await fuseboard(...args);
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}${stdout}`);
  return stdout;
};
const applied = async (text: string, ...args: string[]): Promise<string> => {
  writeFileSync(file, text);
  return await done('apply', '-f', file, ...args);
};
/** A call to an upstream where nobody listens. @returns the status that its caller gets */
const trip = async (): Promise<number> => {
  const { port } = product.addresses.proxy;
  const call = request({ host: '127.0.0.1', port, path: '/', agent: false, headers: { host: 'shop.local' } }).end();
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode ?? 0;
};
const shown = async (): Promise<Record<string, unknown>> => {
  const { host, port } = product.addresses.console;
  return (await (await fetch(`http://${host}:${port}/api/v1/breakers/shop.local`)).json()) as Record<string, unknown>;
};

beforeAll(async () => {
  await begin();
}, 120_000);
afterAll(async () => {
  await product.kill();
  rmSync(root, { recursive: true, force: true });
});

describe('by hand, on the running product', () => {
  it('documents are applied, and come back as they were written', { timeout: 120_000 }, async () => {
    expect(await applied(`${UPSTREAM}---\n${policy(AMOUNT)}`)).toMatch(/^Upstream eu\/shop: created, version [0-9a-f]{12} \(control \d+\), in force at .*\nUpstreamTrafficSetting eu\/shop: created/s);
    expect(await done('policies', 'Upstream/eu/shop', '-o', 'yaml')).toBe(UPSTREAM);
    expect(await done('policies', 'UpstreamTrafficSetting/eu/shop', '-o', 'yaml')).toBe(policy(AMOUNT));
    expect(await shown()).toMatchObject({ state: 'closed', policy: { name: 'shop', namespace: 'eu' } });
    expect(await applied(policy('errorAmountThreshold: 5'), '--dry-run')).toMatch(/would be changed.*errorAmountThreshold: 3 → 5\n.*the window is kept\n.*would not open/s);
  });

  it('documents come back as one file that can be applied, though a text ends without the end of its line', { timeout: 120_000 }, async () => {
    await applied(UPSTREAM.trimEnd());
    writeFileSync(file, await done('policies', '-o', 'yaml'));
    expect(await done('validate', file)).toContain('OK, 4 documents');
  });

  it('a breaker is opened with a reason and an end, which every operator sees, and survives kill -9', { timeout: 120_000 }, async () => {
    expect(await done('open', 'shop.local', '--for', '10m', '--reason', 'INC-7', '--author', 'ann')).toMatch(/^shop\.local: forced open for 10m by ann \(control \d+\), in force at /);
    const override = { author: 'ann', reason: 'INC-7', until: expect.any(String) as string };
    expect(await shown()).toMatchObject({ state: 'open', admit: 0, override });
    await product.kill();
    await begin();
    expect(await shown()).toMatchObject({ state: 'open', admit: 0, override });
    expect(await done('get')).toContain('ann: INC-7');
  });

  it('an override is cleared, ends by itself, and can be shut until it is cleared', { timeout: 120_000 }, async () => {
    await done('clear', 'shop.local', '--author', 'bob');
    expect(await shown()).not.toHaveProperty('override');
    await done('open', 'shop.local', '--for', '1s', '--reason', 'a moment');
    await eventually(async () => ((await shown())['state'] === 'closed' ? true : undefined), { what: 'it to end by itself' });
    await done('close', 'shop.local', '--until-cleared', '--reason', 'never');
    expect(await shown()).toMatchObject({ state: 'closed', override: { reason: 'never' } });
    expect(JSON.parse(await done('clear', 'shop.local', '-o', 'json'))).toEqual({ control_offset: expect.any(Number) as number, in_force_at: expect.stringMatching(/^\d{4}-.*Z$/) as string });
    expect(await fuseboard('clear', 'shop.local')).toMatchObject({ status: 0, stderr: 'shop.local was not held by hand, so nothing changes: by its policy it is closed\n' });
    expect(JSON.parse(await done('clear', 'shop.local', '-o', 'json', '--no-wait'))).toEqual({ control_offset: expect.any(Number) as number });
  });

  it('what is asked wrongly ends with 2, and what is refused with 1 and the reason', { timeout: 120_000 }, async () => {
    expect(await fuseboard('open', 'shop.local', '--reason', 'x')).toMatchObject({ status: 2, stderr: expect.stringContaining('--for DURATION or --until-cleared') as string });
    expect(await fuseboard('open', 'shop.local', '--for', 'soon', '--reason', 'x')).toMatchObject({ status: 2, stderr: expect.stringContaining('--for: found "soon"') as string });
    expect(await fuseboard('open', 'shop.local', '--for', '1m')).toMatchObject({ status: 2 });
    expect(await fuseboard('open', 'nobody.local', '--for', '1m', '--reason', 'x')).toMatchObject({ status: 1, stderr: expect.stringContaining('there is no upstream nobody.local') as string });
    expect(await fuseboard('delete', 'UpstreamTrafficSetting/demo/demo')).toMatchObject({ status: 1, stderr: expect.stringContaining('belongs to a directory (as in the demo)') as string });
    writeFileSync(file, policy('errorRatioThreshold: 7'));
    expect(await fuseboard('apply', '-f', file)).toMatchObject({ status: 1, stderr: expect.stringMatching(/shop\.yaml:6:\d+: .*errorRatioThreshold: found 7/) as string });
    expect(await fuseboard('apply', '-f', file.replace('shop', 'none'))).toMatchObject({ status: 1 });
  });

  it('a policy that is not enforced would open, and refuses nothing', { timeout: 120_000 }, async () => {
    await applied(policy(AMOUNT, ', annotations: { fuseboard.dev/enforce: "false" }'));
    await eventually(async () => (await trip(), (await shown())['state'] === 'open' ? true : undefined), { what: 'it to trip' });
    expect(await shown()).toMatchObject({ state: 'open', admit: 1, policy: { enforced: false } });
    expect(await done('get')).toContain('would open');
    expect([await trip(), await trip()]).toEqual([502, 502]);
    await applied(policy(AMOUNT));
    await eventually(async () => ((await trip()) === 520 ? true : undefined), { what: 'the degraded answer' });
    expect((await fuseboard('clear', 'shop.local')).stderr).toMatch(/^shop\.local was not held by hand, so nothing changes: by its policy it is open until \S+Z\. To let its calls through: `fuseboard close shop\.local`$/m);
  });

  it('the history is one story, and the store is what the log makes', { timeout: 120_000 }, async () => {
    await done('delete', 'UpstreamTrafficSetting/eu/shop', '--reason', 'moved away');
    const story = await done('history', 'shop.local');
    const told = ['policy    UpstreamTrafficSetting eu/shop applied', 'override  forced open until .* by ann: INC-7', 'closed → open until .*: INC-7', 'override  cleared by bob', 'forced closed until cleared', 'closed → open until .*, not enforced', 'shop deleted by .*: moved away', 'open → closed .*the policy was deleted'];
    expect(story).toMatch(new RegExp(told.join('.*'), 's'));
    const events = JSON.parse(await done('history', 'shop.local', '-o', 'json')) as { at: string; event: string }[];
    expect(events.map(({ at }) => at)).toEqual(events.map(({ at }) => at).toSorted());
    expect(new Set(events.map(({ event }) => event))).toEqual(new Set(['apply', 'delete', 'force-open', 'force-closed', 'clear', 'transition']));
    await product.stop();
    expect(await run(['verify', '--data-dir', dataDir])).toMatchObject({ status: 0, stdout: expect.stringContaining('no difference') as string });
  });
});
