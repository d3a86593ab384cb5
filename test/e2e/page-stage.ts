/** The product as `npm start` has it, with upstreams that answer as they are told, and its page in a browser. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { openBrowser } from '../support/browser.ts';
import { startStandalone, type Standalone } from '../support/standalone.ts';

/** Of `shop.test`: so many errors in a window open it. */
const ERRORS_MAX = 5;
const OPEN_FOR_MS = 4_000;

export class PageStage {
  readonly browser: Browser;
  readonly #directory: string;
  readonly #upstream: Server;
  readonly #pages: Page[] = [];
  /** What no page should say: errors of scripts, and what its policy refused. */
  readonly complaints: string[] = [];
  product: Standalone;

  private constructor(of: { readonly browser: Browser; readonly directory: string; readonly upstream: Server; readonly product: Standalone }) {
    this.browser = of.browser;
    this.product = of.product;
    this.#directory = of.directory;
    this.#upstream = of.upstream;
  }

  static async start(): Promise<PageStage> {
    const directory = mkdtempSync(join(tmpdir(), 'fuseboard-page-'));
    const upstream = createServer(({ url }, response) => response.writeHead(Number(/\d+/.exec(url ?? '')?.[0] ?? 200)).end());
    await new Promise<void>((resolve) => void upstream.listen(0, '127.0.0.1', resolve));
    writeFileSync(join(directory, 'shop.yaml'), ['shop.test', 'mail.test', 'search.test'].map((host) => documentsFor(host, (upstream.address() as AddressInfo).port)).join('---\n'));
    const [product, browser] = await Promise.all([startStandalone({ configDir: directory, dataDir: join(directory, 'data'), readyWithinMs: 180_000 }), openBrowser()]);
    return new PageStage({ browser, directory, upstream, product });
  }

  /** A page of its own session. @param path of the product, or another console's URL */
  async open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.browser.newContext({ viewport: { width: 1_280, height: 800 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    page.on('pageerror', ({ message }) => void this.complaints.push(message));
    page.on('console', (said) => {
      // That the console is away is what some tests are about.
      if (said.type() === 'error' && !/net::ERR_|Failed to load resource/.test(said.text())) this.complaints.push(said.text());
    });
    this.#pages.push(page);
    await page.goto(new URL(path, this.url('/')).href);
    return page;
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.product.addresses.console.port}${path}`;
  }

  /** Through the proxy. @returns the status */
  async call(host: string, status: number): Promise<number | undefined> {
    return await new Promise((resolve, reject) => {
      const { port } = this.product.addresses.proxy;
      request({ host: '127.0.0.1', port, path: `/${status}`, headers: { host } }, (response) => response.resume().on('end', () => resolve(response.statusCode)))
        .on('error', reject)
        .end();
    });
  }

  async trip(host: string): Promise<void> {
    for (let calls = 0; calls < ERRORS_MAX; calls++) await this.call(host, 503);
  }

  /** As a supervisor would, on the same data and ports. */
  async startAgain(): Promise<void> {
    this.product = await startStandalone({ configDir: this.#directory, dataDir: join(this.#directory, 'data'), addresses: this.product.addresses });
  }

  async closePages(): Promise<void> {
    await Promise.all(this.#pages.splice(0).map((page) => page.context().close()));
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.product.stop();
    this.#upstream.close();
    this.#upstream.closeAllConnections();
    rmSync(this.#directory, { recursive: true });
  }
}

function documentsFor(host: string, port: number): string {
  const name = host.split('.', 1)[0] ?? host;
  return `apiVersion: fuseboard.dev/v1
kind: Upstream
metadata: { name: ${name}, namespace: demo }
spec:
  host: ${host}
  targets: ["127.0.0.1:${port}"]
---
apiVersion: policy.openservicemesh.io/v1alpha1
kind: UpstreamTrafficSetting
metadata: { name: ${name}, namespace: demo }
spec:
  host: ${host}
  connectionSettings:
    http:
      circuitBreaking:
        statTimeWindow: 30s
        errorAmountThreshold: ${ERRORS_MAX}
        degradedTimeWindow: ${OPEN_FOR_MS / 1_000}s
`;
}
