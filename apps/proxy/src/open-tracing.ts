/** Traces, where the environment asks for them; where it doesn't, nothing of OpenTelemetry is loaded. */
import type { Decision, Ground } from '#engine';
import type { CallTracer } from '#http-proxy';
import type { Runtime } from '#runtime';

/** Injection token of `Tracing`, or of undefined: nothing is traced. */
export const TRACING = Symbol('Tracing');

export type GroundOf = (upstream: string, decision: Decision) => Ground;

export interface Tracing {
  /** @param groundOf asked for calls that are recorded, in the turn of their decision. */
  tracer(groundOf: GroundOf): CallTracer;
  /** Tells what waits, for as long as that at most, ms; what is left then is lost, and said in the log. */
  close(withinMs: number): Promise<void>;
}

/** @throws {StartError} a file that a variable names can't be used. */
export async function openTracing(runtime: Runtime): Promise<Tracing | undefined> {
  const { tracing } = runtime.config;
  if (tracing === undefined) return undefined;
  const { startTracing } = await import('./tracing/tracing.ts');
  return startTracing(tracing, runtime);
}
