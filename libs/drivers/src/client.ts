/** `#drivers/client`: states from consoles and outcomes to Kafka, for programs that aren't Fuseboard's. Loads no Nest, Redis or SQLite. */
export { askBreaker } from './console/ask-breaker.ts';
export type { ConsoleCredentials } from './console/console-service.ts';
export { openConsole, type OpenConsole } from './console/console.ts';
export type { FollowFailure } from './console/follow-failure.ts';
export type { Reach } from './drivers.ts';
export { openKafka } from './kafka/kafka.ts';
