/** A refusal as Nest has it: an HttpException with the policy's status and body, whose headers the module's filter adds. */
import { HttpException } from '@nestjs/common';
import type { UpstreamOpen } from '../upstream-open.ts';

export class UpstreamOpenException extends HttpException {
  override readonly name = 'UpstreamOpenException';
  readonly open: UpstreamOpen;

  constructor(open: UpstreamOpen) {
    super(open.degraded.content, open.degraded.statusCode, { cause: open });
    this.open = open;
  }
}
