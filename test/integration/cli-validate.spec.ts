import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../support/command.ts';

let directory: string;
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'fuseboard-cli-'))));
afterAll(() => rmSync(directory, { recursive: true }));

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

const policy = (name: string, host: string, circuitBreaking = 'errorAmountThreshold: 10'): string => `apiVersion: policy.openservicemesh.io/v1alpha1
kind: UpstreamTrafficSetting
metadata: { name: ${name}, namespace: shop }
spec:
  host: ${host}
  connectionSettings:
    http:
      circuitBreaking:
        ${circuitBreaking}
`;
const upstream = `apiVersion: fuseboard.dev/v1
kind: Upstream
metadata: { name: api, namespace: shop }
spec: { host: api.shop.test, targets: ["127.0.0.1:8079"] }
`;

describe('fuseboard validate', () => {
  it('says of good files what is in them, and ends with 0', async () => {
    const path = file('good.yaml', `${upstream}---\n${policy('api', 'api.shop.test')}`);
    const { status, stdout, stderr } = await run(['validate', path]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe(`${path}: OK, 2 documents\n  Upstream shop/api: api.shop.test:80\n  UpstreamTrafficSetting shop/api: api.shop.test\n`);
  });

  it('says with --rate at which error rate each policy trips', async () => {
    const path = file('rate.yaml', policy('api', 'api.shop.test', 'errorAmountThreshold: 60'));
    expect((await run(['validate', '--rate', '200', path])).stdout).toMatch(/60 errors in 30s: at 200 calls\/s trips \S+ 1 % errors/);
    expect((await run(['validate', '--rate', '1', path])).stdout).toContain('never trips, at 1 calls/s a window has only 30 calls');
  });

  it('says of bad ones file, line, column, field and what is allowed, on standard error, and ends with 1', async () => {
    const path = file('bad.yaml', policy('api', 'api.shop.test', 'errorRatioThreshold: 10'));
    const { status, stdout, stderr } = await run(['validate', path]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain(`${path}:9:9: UpstreamTrafficSetting shop/api: spec.connectionSettings.http.circuitBreaking.errorRatioThreshold: `);
    expect(stderr).toMatch(/found 10.*allowed/i);
    expect(stderr).toContain('1 of 1 file refused');
  });

  it('reads every field of both documents, and warns of those that have no effect on each other', async () => {
    const tcp = file('tcp.yaml', `${upstream.replace('] }', '], protocol: tcp, listen: "127.0.0.1:0", timeouts: { idle: 5m }, tls: { ca: /etc/ca.pem } }')}---
apiVersion: policy.openservicemesh.io/v1alpha1
kind: UpstreamTrafficSetting
metadata: { name: api, namespace: shop }
spec:
  host: api.shop.test
  rateLimit:
    local:
      tcp: { connections: 10, unit: second, burst: 5 }
      http: { requests: 10, unit: second }
`);
    const { status, stdout, stderr } = await run(['validate', tcp]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining('OK, 2 documents') as string });
    expect(stderr).toBe(`warning: ${tcp}:14:7: UpstreamTrafficSetting shop/api: spec.rateLimit.local.http: has no effect on Upstream shop/api: its protocol is tcp\n`);
  });

  it('refuses what an upstream of its protocol can not have, and a header that frames an answer', async () => {
    const path = file('refused.yaml', `${upstream.replace('] }', '], protocol: tcp, listen: "127.0.0.1:0", retries: { on: [refused] } }')}---
apiVersion: policy.openservicemesh.io/v1alpha1
kind: UpstreamTrafficSetting
metadata: { name: api, namespace: shop }
spec:
  host: api.shop.test
  httpRoutes:
    - path: /buy.*
      rateLimit: { local: { requests: 1, unit: hour, responseHeadersToAdd: [{ name: Content-Length, value: "5" }] } }
`);
    const { status, stderr } = await run(['validate', path]);
    expect(status).toBe(1);
    expect(stderr).toContain(`${path}:4:97: Upstream shop/api: spec.retries: a tcp upstream has none`);
    expect(stderr).toContain(`${path}:13:79: UpstreamTrafficSetting shop/api: spec.httpRoutes[0].rateLimit.local.responseHeadersToAdd[0].name: found "Content-Length"`);
  });

  it('names the field that was meant by a misspelt one', async () => {
    const path = file('misspelt.yaml', policy('api', 'api.shop.test', 'errorAmountTreshold: 10'));
    const { status, stderr } = await run(['validate', path]);
    expect(status).toBe(1);
    expect(stderr).toContain('errorAmountTreshold');
    expect(stderr).toContain('errorAmountThreshold');
  });

  it('sees two policies for one host, across files', async () => {
    const [one, two] = [file('one.yaml', policy('one', 'api.shop.test')), file('two.yaml', policy('two', 'api.shop.test'))];
    const { status, stdout, stderr } = await run(['validate', two, one]);
    expect(status).toBe(1);
    expect(stdout).toContain(`${one}: OK, 1 document`);
    expect(stderr).toContain(`${two}:5:3: UpstreamTrafficSetting shop/two: spec.host: the policy of api.shop.test is claimed already by UpstreamTrafficSetting shop/one (${one}:5:3)`);
  });

  it('reads standard input', async () => {
    const { status, stdout } = await run(['validate', '-'], { input: policy('api', 'api.shop.test') });
    expect(status).toBe(0);
    expect(stdout).toContain('-: OK, 1 document');
  });

  it('names a file that is not there', async () => {
    const { status, stderr } = await run(['validate', '/there/is/no/such.yaml']);
    expect(status).toBe(1);
    expect(stderr).toContain("/there/is/no/such.yaml can't be read: ENOENT");
  });
});

describe('a command line that can not be read ends with 2', () => {
  it.each([
    [['validate'], "missing required argument 'FILE'"],
    [['validate', '--rate', '0', 'x'], "option '--rate <CALLS>' argument '0' is invalid. Allowed: a number above 0."],
    [['vaildate', 'x'], "unknown command 'vaildate'\n(Did you mean validate?)"],
    [['get', '-o', 'xml'], "argument 'xml' is invalid. Allowed choices are table, json, yaml."],
    [['get', '--colour'], "unknown option '--colour'"],
    [['--server', 'nonsense', 'get'], '--server: found "nonsense", allowed: HOST:PORT with a port from 0 to 65535'],
    [['--server', '127.0.0.1:0', 'get'], '--server: found "127.0.0.1:0", allowed: a port from 1 to 65535'],
    [['echo', '--listen', '8079'], '--listen: found "8079", allowed: HOST:PORT'],
    [['echo', '--seed', 'x'], "option '--seed <NUMBER>' argument 'x' is invalid. Allowed: a whole number"],
  ])('%j', async (args, message) => {
    const { status, stdout, stderr } = await run(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(message);
  });

  it('and so does one without a command, with the help', async () => {
    const { status, stderr } = await run([]);
    expect(status).toBe(2);
    expect(stderr).toContain('Usage: fuseboard [options] [command]');
  });
});

describe('fuseboard --help and --version', () => {
  it('end with 0, on standard output', async () => {
    const help = await run(['--help']);
    expect([help.status, help.stderr]).toEqual([0, '']);
    for (const command of ['validate', 'get', 'watch', 'echo']) expect(help.stdout).toContain(command);
    expect((await run(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
