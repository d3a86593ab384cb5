/** What a line of the input says. */
import type { Outcome } from '#engine';

/**
 * A text: why it can't be read. Undefined: it can, and tells of no call that an upstream answers for (a mark, a caller
 * that gave up, a refusal from further on; O3).
 */
export type Reading = Outcome | string | undefined;

/** Reads one line: bytes from `start` to before `end`. Never throws. */
export type LineReader = (bytes: Buffer, start: number, end: number) => Reading;
