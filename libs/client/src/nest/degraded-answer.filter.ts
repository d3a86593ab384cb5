/**
 * Answers a refusal that nobody caught as Fuseboard's proxy would: with the policy's status, body and headers. Where what
 * came in is no HTTP, it goes the way of any exception there.
 */
import { Catch, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { throwError } from 'rxjs';
import { UpstreamOpenException } from './upstream-open-exception.ts';

@Catch(UpstreamOpenException)
export class DegradedAnswerFilter implements ExceptionFilter<UpstreamOpenException> {
  readonly #host: HttpAdapterHost;

  constructor(@Inject(HttpAdapterHost) host: HttpAdapterHost) {
    this.#host = host;
  }

  catch(exception: UpstreamOpenException, host: ArgumentsHost): unknown {
    const kind = host.getType<string>();
    if (kind === 'rpc') return throwError(() => exception);
    if (kind !== 'http') throw exception;
    const { httpAdapter } = this.#host;
    const response = host.switchToHttp().getResponse<unknown>();
    for (const [name, value] of Object.entries(exception.open.headers)) httpAdapter.setHeader(response, name, value);
    httpAdapter.reply(response, exception.getResponse(), exception.getStatus());
    return undefined;
  }
}
