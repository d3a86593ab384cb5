/** How a call ended, in the words of the outcome record (docs/producers.md), and as the engine has it. */
import type { Failure, Result } from '#engine';
import { resultOf } from '#wire';

/** Exactly one of these. */
export type CallResult =
  /** HTTP, 100 to 599; above 499 is an error. */
  | { readonly status: number }
  /** 0 to 16; 2, 4, 13, 14 and 15 are errors. */
  | { readonly grpcStatus: number }
  /** No answer at all; an error. */
  | { readonly failure: Failure }
  | { readonly ok: true };

/** As text: what is wrong with it, and what is allowed. */
export function readCallResult(result: CallResult): Result | string {
  const { status, grpcStatus, failure, ok } = result as Readonly<Record<string, unknown>>;
  return resultOf({ status, grpcStatus, failure, ok });
}
