/** What the gRPC controllers have in common: pages as they come in, refusals as statuses. */
import { status } from '@grpc/grpc-js';
import { RpcException } from '@nestjs/microservices';
import { isRefusal, type PageRequest, type Refusal } from './breaker-queries.ts';

export interface PageFields {
  readonly page_size: number;
  readonly page_token: string;
}

const CODE: Readonly<Record<Refusal['refused'], status>> = {
  invalid: status.INVALID_ARGUMENT,
  'not-found': status.NOT_FOUND,
  unavailable: status.UNAVAILABLE,
  conflict: status.ABORTED,
  precondition: status.FAILED_PRECONDITION,
};

export function pageOf(request: PageFields): PageRequest {
  return { pageSize: request.page_size, pageToken: request.page_token };
}

/** @throws {RpcException} */
export function answered<T extends object>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw refused(answer);
  return answer;
}

export function refused(refusal: Refusal): RpcException {
  return new RpcException({ code: CODE[refusal.refused], message: refusal.message });
}
