/** What a call needs of the proxy around it. */
import type { Deadlines } from './deadlines.ts';
import type { Judge } from './judge.ts';
import type { Settings } from './options.ts';
import type { Answer, CallOutcome, Route } from './route.ts';
import type { TraceHeaders } from './trace.ts';

export interface ProxyContext {
  readonly settings: Settings;
  readonly deadlines: Deadlines;
  readonly judge: Pick<Judge, 'decide' | 'judge'>;
  /** A try has its connection, and its request is about to be written. @returns undefined: with the headers as they came. */
  hop(target: string, reachedAtMs: number): TraceHeaders | undefined;
  /** What became of a try that reached out (O1). */
  report(outcome: CallOutcome): void;
  /** A call was answered without reaching out. */
  answered(answer: Answer, statusCode: number, route?: Route): void;
  /** A call goes on to an upstream; `finished` ends it. */
  began(): void;
  /** A call is over, and this is how. */
  finished(answer: Answer, statusCode: number, route?: Route): void;
  /** A client's HTTP/2 connection was ended for too many resets or invalid frames. */
  flooded(): void;
}
