/**
 * A method under guard, whatever it gives: a value, a promise, or an Observable, each of whose subscriptions is a call
 * (O1: known at the first value). A refusal comes the way its results do, as far as that is known before it was called.
 */
import { Observable, defer, from, isObservable, of, tap, throwError } from 'rxjs';
import type { GuardedCall } from '../guard.ts';
import { UpstreamOpen } from '../upstream-open.ts';
import type { GuardedOptions } from './guarded.decorator.ts';
import { UpstreamOpenException } from './upstream-open-exception.ts';

type Begun = GuardedCall | UpstreamOpen;
type Shape = 'plain' | 'promise' | 'observable';

export interface MethodCall {
  readonly begin: () => Begun;
  readonly self: object;
  readonly args: readonly unknown[];
}

interface MethodOptions {
  readonly method: (...args: unknown[]) => unknown;
  /** `design:returntype`, where the program is compiled with such; else undefined. */
  readonly returns: unknown;
  readonly options: GuardedOptions;
}

export class GuardedMethod {
  readonly #method: MethodOptions['method'];
  readonly #fallback: GuardedOptions['fallback'];
  /** As its type says, or as it was seen the last time. */
  #shape: Shape = 'plain';

  constructor({ method, returns, options }: MethodOptions) {
    this.#method = method;
    this.#fallback = options.fallback;
    if (returns === Promise || method.constructor.name === 'AsyncFunction') this.#shape = 'promise';
    else if (returns === Observable) this.#shape = 'observable';
  }

  call(call: MethodCall): unknown {
    const begun = call.begin();
    return begun instanceof UpstreamOpen ? this.#refuse(begun, call, this.#shape) : this.#made(begun, call);
  }

  #made(begun: GuardedCall, call: MethodCall): unknown {
    let value: unknown;
    try {
      value = Reflect.apply(this.#method, call.self, call.args);
    } catch (error) {
      begun.end({ error });
      throw error;
    }
    if (isObservable(value)) {
      this.#shape = 'observable';
      return this.#watched(value, call);
    }
    if (isPromise(value)) {
      this.#shape = 'promise';
      return settled(value, begun);
    }
    this.#shape = 'plain';
    begun.end({ value });
    return value;
  }

  /** Subscribed to more than once, it is as many calls; never, it is none. Who leaves before the first value has seen no outcome. */
  #watched(source: Observable<unknown>, call: MethodCall): Observable<unknown> {
    return defer(() => {
      const begun = call.begin();
      if (begun instanceof UpstreamOpen) return this.#refuse(begun, call, 'observable') as Observable<unknown>;
      return source.pipe(tap({ next: (value) => begun.end({ value }), error: (error: unknown) => begun.end({ error }), complete: () => begun.end({ value: undefined }) }));
    });
  }

  #refuse(open: UpstreamOpen, call: MethodCall, shape: Shape): unknown {
    try {
      return inShape(this.#instead(open, call), shape);
    } catch (error) {
      if (shape === 'promise') return Promise.reject(error);
      if (shape === 'observable') return throwError(() => error);
      throw error;
    }
  }

  #instead(open: UpstreamOpen, { self, args }: MethodCall): unknown {
    const fallback = typeof this.#fallback === 'string' ? (self as Record<string, unknown>)[this.#fallback] : this.#fallback;
    if (typeof fallback === 'function') return Reflect.apply(fallback, self, [open, ...args]) as unknown;
    if (this.#fallback !== undefined) throw new TypeError(`@Guarded: the fallback ${String(this.#fallback)} is no method of ${self.constructor.name}`);
    throw new UpstreamOpenException(open);
  }
}

function inShape(value: unknown, shape: Shape): unknown {
  if (shape === 'promise') return isPromise(value) ? value : Promise.resolve(value);
  if (shape === 'plain' || isObservable(value)) return value;
  return isPromise(value) ? from(value) : of(value);
}

async function settled(value: PromiseLike<unknown>, begun: GuardedCall): Promise<unknown> {
  try {
    const result = await value;
    begun.end({ value: result });
    return result;
  } catch (error) {
    begun.end({ error });
    throw error;
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { readonly then?: unknown } | null | undefined)?.then === 'function';
}
