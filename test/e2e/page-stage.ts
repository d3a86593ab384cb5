/** The product as `npm start` has it, with upstreams that answer as they are told, and its page in a browser. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { Pages } from '../support/pages.ts';
import { startStandalone, type Standalone } from '../support/standalone.ts';

/** Of `shop.test`: so many errors in a window open it. */
const ERRORS_MAX = 5;
const OPEN_FOR_MS = 4_000;

export class PageStage {
  readonly #directory: string;
  readonly #upstream: Server;
  readonly #pages: Pages;
  product: Standalone;

  private constructor(of: { readonly pages: Pages; readonly directory: string; readonly upstream: Server; readonly product: Standalone }) {
    this.#pages = of.pages;
    this.product = of.product;
    this.#directory = of.directory;
    this.#upstream = of.upstream;
  }

  static async start(): Promise<PageStage> {
    const directory = mkdtempSync(join(tmpdir(), 'fuseboard-page-'));
    const upstream = createServer(({ url }, response) => response.writeHead(Number(/\d+/.exec(url ?? '')?.[0] ?? 200)).end());
    await new Promise<void>((resolve) => void upstream.listen(0, '127.0.0.1', resolve));
    writeFileSync(join(directory, 'shop.yaml'), ['shop.test', 'mail.test', 'search.test'].map((host) => documentsFor(host, (upstream.address() as AddressInfo).port)).join('---\n'));
    const [product, pages] = await Promise.all([startStandalone({ configDir: directory, dataDir: join(directory, 'data'), readyWithinMs: 180_000 }), Pages.start()]);
    return new PageStage({ pages, directory, upstream, product });
  }

  /** A page of its own session. */
  open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
    return this.#pages.open(this.url(path), options);
  }

  /** What no page should say. */
  get complaints(): readonly string[] {
    return this.#pages.complaints;
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
    await this.#pages.closeAll();
  }

  async close(): Promise<void> {
    await this.#pages.end();
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
