/**
 * `@Guarded('payments.internal')` on a method of whatever Nest makes: the client is injected beside the class's own
 * dependencies, so there is nothing global, and a class that a test makes by itself runs unguarded.
 */
import 'reflect-metadata';
import { Inject } from '@nestjs/common';
import type { Classify } from '../classify.ts';
import { Fuseboard } from '../fuseboard.ts';
import type { UpstreamOpen } from '../upstream-open.ts';
import { GuardedMethod } from './guarded-method.ts';

/** Arguments are the method's. */
// oxlint-disable-next-line typescript/no-explicit-any
type Arguments = any[];

export interface GuardedOptions {
  /** What the end says of the upstream; default: see docs/client.md. */
  readonly classify?: Classify;
  /**
   * In place of the upstream while its breaker is open: a method of the same class by its name, or a function. It gets the
   * refusal, then the method's arguments. Absent: `UpstreamOpenException`, which is answered with the policy's degraded answer.
   */
  readonly fallback?: string | ((open: UpstreamOpen, ...args: Arguments) => unknown);
}

const CLIENT = Symbol('fuseboard');

/** @param upstream as its policy calls it, or what gives that for the method's arguments */
export function Guarded(upstream: string | ((...args: Arguments) => string), options: GuardedOptions = {}): MethodDecorator {
  return (target, key, descriptor): void => {
    const method = (descriptor as PropertyDescriptor | undefined)?.value as unknown;
    if (typeof method !== 'function' || typeof target === 'function') throw new TypeError(`@Guarded is for methods of instances; ${String(key)} is none`);
    Inject(Fuseboard)(target, CLIENT);
    const guarded = new GuardedMethod({ method: method as (...args: unknown[]) => unknown, returns: Reflect.getMetadata('design:returntype', target, key) as unknown, options });
    const upstreamOf = typeof upstream === 'string' ? (): string => upstream : upstream;
    const replaced = function (this: Record<symbol, Fuseboard | undefined>, ...args: Arguments): unknown {
      const fuseboard = this[CLIENT];
      if (fuseboard === undefined) return Reflect.apply(method, this, args) as unknown;
      return guarded.call({ begin: () => fuseboard.begin(upstreamOf(...args), options), self: this, args });
    };
    Object.defineProperty(replaced, 'name', { value: method.name });
    // A route's decorator below this one wrote on the method.
    for (const name of Reflect.getMetadataKeys(method)) Reflect.defineMetadata(name, Reflect.getMetadata(name, method), replaced);
    (descriptor as PropertyDescriptor).value = replaced;
  };
}
