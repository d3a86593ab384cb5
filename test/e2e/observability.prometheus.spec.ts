/** Alert rules and board, by Prometheus's own tools and by a real Prometheus that scrapes the running product. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { eventually } from '../support/eventually.ts';
import { projectRoot } from '../support/project-root.ts';
import { restartablePort } from '../support/services/server-process.ts';
import { startStandalone, type Standalone } from '../support/standalone.ts';

const FOLDER = join(projectRoot(), 'docker/observability');
const PAGE = readFileSync(join(projectRoot(), 'docs/observability.md'), 'utf8');
const promtool = (...args: string[]) => promisify(execFile)('promtool', args);

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
}

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

const rules = (parse(readFileSync(join(FOLDER, 'alerts.yml'), 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules);
const board = JSON.parse(readFileSync(join(FOLDER, 'grafana/dashboards/fuseboard.json'), 'utf8')) as { panels: Panel[] };
const queries = board.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }): [string, string] => [title, expr]));

it('each alert has a line in docs/observability.md that says what to do, and no other has one', () => {
  const lines = new Set([...PAGE.matchAll(/^\| `(Fuseboard\w+)` \| [^|]+ \| [^|]+ \|$/gm)].map(([, name]) => name));
  expect(lines).toEqual(new Set(rules.map(({ alert }) => alert)));
});

describe('promtool', () => {
  it('finds the rules good, and what their tests say true', async () => {
    await expect(promtool('check', 'rules', join(FOLDER, 'alerts.yml'))).resolves.toMatchObject({ stdout: expect.stringContaining('SUCCESS') });
    await expect(promtool('test', 'rules', join(FOLDER, 'alerts.test.yml'))).resolves.toMatchObject({ stdout: expect.stringContaining('SUCCESS') });
  });

  it('finds that each alert has such a test', () => {
    const tested = new Set(readFileSync(join(FOLDER, 'alerts.test.yml'), 'utf8').match(/alertname: \w+/g)?.map((line) => line.slice('alertname: '.length)));
    expect([...tested].toSorted()).toEqual(rules.map(({ alert }) => alert).toSorted());
  });
});

describe('a Prometheus that scrapes the running product', () => {
  const directory = mkdtempSync(join(tmpdir(), 'fuseboard-prometheus-'));
  let product: Standalone | undefined;
  let prometheus: ReturnType<typeof spawn> | undefined;
  let base: string;
  let page: string;

  beforeAll(async () => {
    product = await startStandalone({ dataDir: ':memory:', demo: true });
    const { proxy, console } = product.addresses;
    const port = await restartablePort();
    base = `http://127.0.0.1:${port}`;
    const scrape = { job_name: 'fuseboard', static_configs: [{ targets: [`127.0.0.1:${console.port}`] }] };
    writeFileSync(join(directory, 'prometheus.yml'), JSON.stringify({ global: { scrape_interval: '250ms', evaluation_interval: '250ms' }, rule_files: [join(FOLDER, 'alerts.yml')], scrape_configs: [scrape] }));
    prometheus = spawn('prometheus', [`--config.file=${directory}/prometheus.yml`, `--storage.tsdb.path=${directory}/data`, `--web.listen-address=127.0.0.1:${port}`], { stdio: 'ignore' });
    // Ten errors trip the demo's breaker, and what comes then is refused; some before the first scrape, some behind it.
    const call = async (): Promise<void> => {
      const [answer] = (await once(get({ host: '127.0.0.1', port: proxy.port, path: '/echo?status=511', headers: { host: 'demo.local' }, agent: false }), 'response')) as [IncomingMessage];
      await once(answer.resume(), 'end');
    };
    await call();
    await eventually(async () => ((await query('fuseboard_calls_total')).length > 0 ? true : undefined), { what: 'the first scrape' });
    for (let sent = 0; sent < 14; sent += 1) await call();
    await eventually(async () => ((await query('rate(fuseboard_calls_total{answer="degraded"}[1m]) >= 0')).length > 0 ? true : undefined), { what: 'the refusals' });
    page = await fetch(`http://127.0.0.1:${console.port}/metrics`).then((answer) => answer.text());
  }, 180_000);
  afterAll(async () => {
    prometheus?.kill();
    await product?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function query(expr: string): Promise<readonly unknown[]> {
    const answer = (await fetch(`${base}/api/v1/query?query=${encodeURIComponent(expr)}`).then((response) => response.json(), () => ({}))) as { status?: string; error?: string; data?: { result: unknown[] } };
    if (answer.status === 'error') throw new Error(answer.error);
    return answer.data?.result ?? [];
  }

  it.each(queries)('the board’s “%s” has something to show: %s', async (title, expr) => {
    const found = await eventually(async () => {
      const result = await query(expr);
      return result.length > 0 ? result : undefined;
    }, { what: `${title}: ${expr}` });
    expect(found.length).toBeGreaterThan(0);
  });

  it('every alert is asked without an error, and FuseboardBreakerOpen was pending while the breaker was open', async () => {
    await eventually(async () => {
      const answer = await fetch(`${base}/api/v1/rules`).then((response) => response.json()) as { data: { groups: { rules: { health: string }[] }[] } };
      const found = answer.data.groups.flatMap((group) => group.rules);
      return found.length === rules.length && found.every(({ health }) => health === 'ok') ? true : undefined;
    }, { what: 'the rules to be asked' });
    expect(await query('max_over_time(ALERTS{alertname="FuseboardBreakerOpen",alertstate="pending",upstream="demo.local"}[5m])')).toHaveLength(1);
  });

  it('every metric that an alert or the board names is one of the product’s', () => {
    // Of a proxy of several workers alone, and of Prometheus itself.
    const named = new Set([...rules.map(({ expr }) => expr), ...queries.map(([, expr]) => expr)].join('\n').match(/\b(?:fuseboard|process|nodejs)_[a-z_]+\b/g));
    const elsewhere = new Set(['fuseboard_proxy_worker_ends_total']);
    expect([...named].filter((name) => !elsewhere.has(name) && !page.includes(`# TYPE ${name} `))).toEqual([]);
  });

  it('promtool finds nothing to say about the names', async () => {
    const checking = promtool('check', 'metrics');
    checking.child.stdin?.end(page);
    expect(await checking).toMatchObject({ stdout: '', stderr: '' });
  });
});
