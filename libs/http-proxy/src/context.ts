/** What a call needs of the proxy around it. */
import type { Deadlines } from './deadlines.ts';
import type { Judge } from './judge.ts';
import type { Settings } from './options.ts';
import type { Answer, Route } from './route.ts';

export interface ProxyContext {
  readonly settings: Settings;
  readonly deadlines: Deadlines;
  readonly judge: Judge;
  /** A call was answered without reaching out. */
  answered(answer: Answer, statusCode: number, route?: Route): void;
  /** A call goes on to an upstream; `finished` ends it. */
  began(): void;
  /** A call is over, and this is how. */
  finished(answer: Answer, statusCode: number, route?: Route): void;
  /** A client's HTTP/2 connection was ended for too many resets or invalid frames. */
  flooded(): void;
}
