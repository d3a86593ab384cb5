/** Pages in a browser, each of a session of its own, and what they complain of. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { openBrowser } from './browser.ts';

export class Pages {
  readonly #browser: Browser;
  readonly #open: Page[] = [];
  /** What no page should say: errors of scripts, and what its policy refused. */
  readonly complaints: string[] = [];

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async start(): Promise<Pages> {
    return new Pages(await openBrowser());
  }

  async open(url: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.#browser.newContext({ viewport: { width: 1_280, height: 800 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    page.on('pageerror', ({ message }) => void this.complaints.push(message));
    page.on('console', (said) => {
      // That the console is away is what some tests are about.
      if (said.type() === 'error' && !/net::ERR_|Failed to load resource/.test(said.text())) this.complaints.push(said.text());
    });
    this.#open.push(page);
    await page.goto(url);
    return page;
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((page) => page.context().close()));
  }

  async end(): Promise<void> {
    await this.#browser.close();
  }
}
