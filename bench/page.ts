/**
 * The console's page in Chromium on loopback: how soon rows are painted and all is known with 10,000 upstreams, beside the
 * same page with 10 in the same run; how long frames take while it is scrolled through all of them; what it weighs. Goals:
 * rows within 1 s, 200 kB. Browser and console share the machine's cores.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { openBrowser } from '../test/support/browser.ts';
import { eventually } from '../test/support/eventually.ts';
import { startStandalone } from '../test/support/standalone.ts';
import { percentile } from './percentiles.ts';

const UPSTREAMS = Number(process.env['BENCH_UPSTREAMS'] ?? 10_000);
const FEW = 10;
const ROUNDS = 7;
const SCROLL_FRAMES = 240;
const FILE_POLICIES = 500;
const PAINTED_WITHIN_MS = 30_000;

export interface PageRow {
  readonly upstreams: number;
  /** From the beginning of the navigation until the first rows are painted, ms; medians of the rounds. */
  readonly rowsMs: number;
  /** Until all upstreams are known and the headline counts them, ms. */
  readonly allMs: number;
  /** While it is scrolled from end to end, ms. */
  readonly frameP50Ms: number;
  readonly frameP99Ms: number;
  /** Rows in the document, at most. */
  readonly rowsThere: number;
  /** Of page, script, style and icon, as they came over the wire, bytes. */
  readonly bytes: number;
}

export async function run(): Promise<PageRow[]> {
  const browser = await openBrowser();
  try {
    const rows = [await measure(browser, FEW), await measure(browser, UPSTREAMS)];
    console.table(rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Math.round(value * 10) / 10]))));
    const [few, many] = rows as [PageRow, PageRow];
    console.log(`with ${UPSTREAMS} upstreams rows are painted ${(many.rowsMs / few.rowsMs).toFixed(2)} times as late as with ${FEW}, and a frame takes ${(many.frameP50Ms / few.frameP50Ms).toFixed(2)} times as long`);
    return rows;
  } finally {
    await browser.close();
  }
}

async function measure(browser: Browser, upstreams: number): Promise<PageRow> {
  const directory = mkdtempSync(join(tmpdir(), 'fuseboard-bench-page-'));
  writePolicies(directory, upstreams);
  const product = await startStandalone({ configDir: directory, dataDir: ':memory:', readyWithinMs: 180_000 });
  try {
    const url = `http://127.0.0.1:${product.addresses.console.port}/`;
    await eventually(async () => ((await (await fetch(`${url}metrics`)).text()).includes(`fuseboard_breakers{state="closed"} ${upstreams}\n`) ? true : undefined), { what: 'all policies to be in force', deadlineMs: 120_000, everyMs: 200 });
    const rounds: Loaded[] = [];
    for (let round = 0; round <= ROUNDS; round++) rounds.push(await load(browser, { url, upstreams }));
    // The first one finds the console's code cold.
    const warm = rounds.slice(1);
    const scrolled = await scroll(browser, { url, upstreams });
    const median = (of: (loaded: Loaded) => number): number => percentile(warm.map(of), 0.5);
    return { upstreams, rowsMs: median(({ rowsMs }) => rowsMs), allMs: median(({ allMs }) => allMs), ...scrolled, bytes: Math.max(...warm.map(({ bytes }) => bytes)) };
  } finally {
    await product.stop();
    rmSync(directory, { recursive: true });
  }
}

interface Loaded {
  readonly rowsMs: number;
  readonly allMs: number;
  readonly bytes: number;
}

interface Place {
  readonly url: string;
  readonly upstreams: number;
}

/** In a session of its own, so that nothing is cached. */
async function load(browser: Browser, { url, upstreams }: Place): Promise<Loaded> {
  return await visited(browser, async (page) => {
    await page.addInitScript({ content: watching(upstreams) });
    await page.goto(url);
    return await page.evaluate<Loaded>(`(async () => {
      const [rowsMs, allMs] = await Promise.all([window.rowsPainted, window.allPainted]);
      const { encodedBodySize } = performance.getEntriesByType('navigation')[0];
      const assets = performance.getEntriesByType('resource').filter(({ name }) => !name.includes('/api/'));
      return { rowsMs, allMs, bytes: assets.reduce((sum, each) => sum + each.encodedBodySize, encodedBodySize) };
    })()`);
  });
}

async function scroll(browser: Browser, { url, upstreams }: Place): Promise<Pick<PageRow, 'frameP50Ms' | 'frameP99Ms' | 'rowsThere'>> {
  return await visited(browser, async (page) => {
    await page.addInitScript({ content: watching(upstreams) });
    await page.goto(url);
    await page.evaluate('window.allPainted');
    const { frames, rowsThere } = await page.evaluate<{ frames: number[]; rowsThere: number }>(SCROLLING);
    return { frameP50Ms: percentile(frames, 0.5), frameP99Ms: percentile(frames, 0.99), rowsThere };
  });
}

async function visited<T>(browser: Browser, visit: (page: Page) => Promise<T>): Promise<T> {
  const context = await browser.newContext({ viewport: { width: 1_280, height: 800 } });
  try {
    return await visit(await context.newPage());
  } finally {
    await context.close();
  }
}

/** The frame after the one that they came with: by then they were painted. */
function watching(upstreams: number): string {
  return `const painted = (isThere) => new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error('not painted in time: ' + document.body.innerText.slice(0, 200))), ${PAINTED_WITHIN_MS});
    const look = () => (isThere() ? requestAnimationFrame(() => resolve(performance.now())) : requestAnimationFrame(look));
    requestAnimationFrame(look);
  });
  window.rowsPainted = painted(() => document.querySelector('.row') !== null);
  window.allPainted = painted(() => document.querySelector('h1')?.textContent.includes('${upstreams.toLocaleString('en')} upstreams'));`;
}

const SCROLLING = `new Promise((resolve) => {
  const frames = [];
  let rowsThere = 0;
  let beforeMs = performance.now();
  const end = document.documentElement.scrollHeight - innerHeight;
  const step = (nowMs) => {
    frames.push(nowMs - beforeMs);
    beforeMs = nowMs;
    rowsThere = Math.max(rowsThere, document.querySelectorAll('.row').length);
    if (frames.length === ${SCROLL_FRAMES}) return resolve({ frames: frames.slice(1), rowsThere });
    scrollTo(0, (end * frames.length) / ${SCROLL_FRAMES});
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})`;

/** A file may have half a MiB. */
function writePolicies(directory: string, upstreams: number): void {
  for (let from = 0; from < upstreams; from += FILE_POLICIES) {
    const policies = Array.from({ length: Math.min(FILE_POLICIES, upstreams - from) }, (_, index) => policyOf(from + index));
    writeFileSync(join(directory, `${from}.yaml`), policies.join('---\n'));
  }
}

function policyOf(index: number): string {
  const name = `service-${`${index}`.padStart(5, '0')}`;
  return `apiVersion: policy.openservicemesh.io/v1alpha1
kind: UpstreamTrafficSetting
metadata: { name: ${name}, namespace: bench }
spec:
  host: ${name}.bench.svc.cluster.local
  connectionSettings:
    http:
      circuitBreaking: { statTimeWindow: 30s, minRequestAmount: 100, errorAmountThreshold: 50, errorRatioThreshold: 0.5, slowTimeThreshold: 500ms, slowRatioThreshold: 0.8 }
`;
}
