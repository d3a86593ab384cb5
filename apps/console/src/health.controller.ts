/** Health, readiness and metrics, on the console's own port, and what can be asked there, for generators of clients. */
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { Controller, Get, Inject, Res } from '@nestjs/common';
import { parse } from 'yaml';
import { RUNTIME, type HealthReport, type Runtime } from '#runtime';
import { openApiFile } from '#wire';
import { sendJson } from './http-rim.ts';

@Controller()
export class HealthController {
  readonly #runtime: Runtime;
  /** Read when it is first asked for. */
  #openApi: object | undefined;

  constructor(@Inject(RUNTIME) runtime: Runtime) {
    this.#runtime = runtime;
  }

  @Get('healthz')
  alive(@Res() response: ServerResponse): void {
    report(response, this.#runtime.health.alive());
  }

  @Get('readyz')
  ready(@Res() response: ServerResponse): void {
    report(response, this.#runtime.health.ready());
  }

  @Get('metrics')
  async metrics(@Res() response: ServerResponse): Promise<void> {
    const { registry } = this.#runtime.metrics;
    response.setHeader('content-type', registry.contentType);
    response.end(await registry.metrics());
  }

  @Get('openapi.json')
  openApi(): object {
    this.#openApi ??= parse(readFileSync(openApiFile(), 'utf8')) as object;
    return this.#openApi;
  }
}

function report(response: ServerResponse, { ok, body }: HealthReport): void {
  sendJson(response, ok ? 200 : 503, body);
}
