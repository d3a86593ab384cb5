/** For programs that call upstreams by themselves: ask the fleet's breakers, and tell them outcomes. docs/client.md */
export type { Decision, DegradedAnswer, Failure } from '#engine';
export type { Breaker } from './breaker.ts';
export type { CallResult } from './call-result.ts';
export { classify, type Classified, type Classify, type Ended } from './classify.ts';
export { Fuseboard, type ReportedCall, type Standing } from './fuseboard.ts';
export { GuardedCall, type GuardOptions } from './guard.ts';
export { OptionError, type Dropped, type FuseboardOptions, type KafkaOptions, type OutcomeMessage, type TlsFiles } from './options.ts';
export { UpstreamOpen } from './upstream-open.ts';
