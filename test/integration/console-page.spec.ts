import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleStage } from '../support/console-stage.ts';
import { projectRoot } from '../support/project-root.ts';

let own: ConsoleStage;
beforeAll(async () => {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: projectRoot() });
  own = await ConsoleStage.start({ env: { FUSEBOARD_CONSOLE_LISTEN: '0.0.0.0:0', FUSEBOARD_TOKEN: 'hush' } });
}, 180_000);
afterAll(() => own.close());

/** As it comes over the wire: `fetch` would unpack it. */
async function raw(path: string, headers: Record<string, string> = {}): Promise<{ status: number | undefined; headers: Record<string, unknown>; body: Buffer }> {
  return await new Promise((resolve, reject) => {
    request(`${own.base}${path}`, { headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => void chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }));
    })
      .on('error', reject)
      .end();
  });
}

const assetOf = (html: string, end: string): string => new RegExp(`/assets/[^"]+\\.${end}`).exec(html)?.[0] ?? '';

describe('the page', () => {
  it('comes without a token, at / and at its deep links; what it shows does not', async () => {
    const pages = await Promise.all(['/', '/upstreams/demo.local', '/upstreams/a.test%3A8080', '/fleet'].map((path) => raw(path)));
    for (const { status, body } of pages) expect([status, body.equals((pages[0] as { body: Buffer }).body)]).toEqual([200, true]);
    expect((await raw('/api/v1/events')).status).toBe(401);
    expect((await raw('/upstreams/a/b')).status).toBe(401);
  });

  it('allows nothing inline and nothing from elsewhere, and has nothing of either', async () => {
    const { headers, body } = await raw('/');
    const html = body.toString();
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    );
    expect(html).not.toMatch(/<style|style=|<script(?![^>]*src=)|\son\w+=|https?:/i);
  });

  it('packs its files ahead, by what the reader takes, and names assets by what is in them', async () => {
    const html = (await raw('/')).body.toString();
    const script = assetOf(html, 'js');
    const [plain, gzip, brotli] = await Promise.all([raw(script), raw(script, { 'accept-encoding': 'gzip, br;q=0' }), raw(script, { 'accept-encoding': 'gzip, deflate, br' })]);
    expect([gzip.headers['content-encoding'], brotli.headers['content-encoding']]).toEqual(['gzip', 'br']);
    expect([gunzipSync(gzip.body).equals(plain.body), brotliDecompressSync(brotli.body).equals(plain.body)]).toEqual([true, true]);
    expect(brotli.headers).toMatchObject({ 'cache-control': 'public, max-age=31536000, immutable', 'content-type': 'text/javascript; charset=utf-8', vary: 'accept-encoding' });
  });

  it('is asked for again each time, and not sent again while it is the same', async () => {
    const { headers } = await raw('/', { 'accept-encoding': 'br' });
    expect(headers['cache-control']).toBe('no-cache');
    const again = await raw('/', { 'accept-encoding': 'br', 'if-none-match': String(headers['etag']) });
    expect([again.status, again.body.length]).toEqual([304, 0]);
    expect((await raw('/', { 'accept-encoding': 'gzip', 'if-none-match': String(headers['etag']) })).status).toBe(200);
  });

  it('weighs 200 kB at most, packed, whatever of it is loaded', () => {
    const directory = join(projectRoot(), 'dist/apps/console/page');
    const packed = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.gz'));
    const bytes = packed.reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
    expect(packed.length).toBeGreaterThan(2);
    expect(bytes).toBeLessThanOrEqual(200_000);
  });

  it('serves nothing but its files', async () => {
    for (const path of ['/assets/../../../../package.json', '/assets/..%2f..%2fsrc/main.js', '/index.html.br', '/assets/', '/package.json']) expect((await raw(path)).status).toBe(401);
  });
});
