import { status, type ServiceError } from '@grpc/grpc-js';

/** Why a console is not followed, in words. */
export class FollowFailure extends Error {
  override readonly name = 'FollowFailure';
  /** The variable that a person puts right; undefined: it may pass by itself. */
  readonly variable: string | undefined;

  constructor(message: string, variable?: string) {
    super(message);
    this.variable = variable;
  }
}

/** @param error gRPC's, or our own */
export function failureOf(error: unknown, address: string): FollowFailure {
  if (error instanceof FollowFailure) return error;
  const { code, details, message } = error as Partial<ServiceError> & Error;
  if (code === status.UNAUTHENTICATED || code === status.PERMISSION_DENIED) return new FollowFailure(`the console at ${address} refuses us: ${details}`, 'FUSEBOARD_TOKEN');
  if (code === status.UNIMPLEMENTED) return new FollowFailure(`the console at ${address} is of a version that hands no states on`, 'FUSEBOARD_STATES_FROM');
  if (code === status.DEADLINE_EXCEEDED) return new FollowFailure(`the console at ${address} did not answer in time`);
  return new FollowFailure(`the console at ${address}: ${reasonOf(details ?? message)}`);
}

/** What the system said, out of what grpc-js made of it. */
function reasonOf(details: string): string {
  return /connect E[A-Z]+|E[A-Z]{4,}|Name resolution failed/.exec(details)?.[0] ?? details;
}
