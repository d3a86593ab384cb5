import { Agent, request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { startEcho, type EchoServer } from '../../apps/cli/src/echo/server.ts';

const servers: EchoServer[] = [];
afterEach(() => Promise.all(servers.splice(0).map((server) => server.close())));

async function echo(seed?: number): Promise<{ server: EchoServer; url: (rest: string) => string }> {
  const server = await startEcho({ listen: { host: '127.0.0.1', port: 0 }, ...(seed !== undefined && { seed }) });
  servers.push(server);
  return { server, url: (rest) => `http://127.0.0.1:${server.address.port}${rest}` };
}

describe('the demo upstream', () => {
  it("sends a call's body and content type back, on any path", async () => {
    const { url } = await echo();
    const answer = await fetch(url('/any/where'), { method: 'POST', body: 'hello', headers: { 'content-type': 'text/x-greeting' } });
    expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([200, 'text/x-greeting', 'hello']);
  });

  it('answers as the query says: status, size, header', async () => {
    const { url } = await echo();
    const answer = await fetch(url('/echo?status=503&size=10&header=X-Colour:blue'));
    expect([answer.status, answer.headers.get('x-colour'), await answer.text()]).toEqual([503, 'blue', 'xxxxxxxxxx']);
  });

  it('is late by what the query says, before its head', async () => {
    const { url } = await echo();
    const began = performance.now();
    await fetch(url('/echo?delay=120ms'));
    expect(performance.now() - began).toBeGreaterThanOrEqual(119);
  });

  it('fails the same calls each time under the same seed', async () => {
    const statuses = async (seed: number): Promise<number[]> => {
      const { url } = await echo(seed);
      const seen: number[] = [];
      for (let call = 0; call < 60; call += 1) seen.push((await fetch(url('/echo?status=511:20,503:20'))).status);
      return seen;
    };
    const first = await statuses(3);
    expect(await statuses(3)).toEqual(first);
    expect(new Set(first)).toEqual(new Set([200, 503, 511]));
  });

  it('says what it can not read, with 400', async () => {
    const { url } = await echo();
    const answer = await fetch(url('/echo?status=teapot'));
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain('status: found "teapot", allowed: a status from 200 to 599');
  });

  it('refuses a body that it would not hold, with 413', async () => {
    const { url } = await echo();
    const status = await new Promise((resolve, reject) => {
      const call = request(url('/echo'), { method: 'POST' }, (response) => resolve(response.statusCode));
      call.on('error', reject);
      call.end(Buffer.alloc(8_388_609));
    });
    expect(status).toBe(413);
  });

  it('knows how many connections there were, and how many requests on one', async () => {
    const { server, url } = await echo();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const call = (): Promise<unknown> =>
      new Promise((resolve, reject) => {
        request(url('/'), { agent }, (response) => response.resume().on('end', resolve)).on('error', reject).end();
      });
    await Promise.all([call(), call()]);
    agent.destroy();
    expect(server.seen).toEqual({ calls: 2, connectionsMax: 1, requestsPerConnectionMax: 2 });
  });

  it('names the flag when its port is in use', async () => {
    const { server } = await echo();
    await expect(startEcho({ listen: server.address })).rejects.toThrow(
      `--listen: 127.0.0.1:${server.address.port} is in use by another process: stop that one, or choose another port`,
    );
  });
});
