/**
 * Every block of commands in the manual that is marked `run`, run as it stands there, page by page, against one product.
 * A block of `console` shows what comes of each command, and that is compared.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alike, elided } from '../support/manual/compare.ts';
import { fences, isCommands, pages, stepsOf } from '../support/manual/blocks.ts';
import { Reader } from '../support/manual/reader.ts';

/** The tour first: it shows what a new directory looks like. */
const FIRST = ['docs/tour.md', 'README.md'];
const ordered = [...FIRST, ...pages().filter((page) => !FIRST.includes(page))];
const blocks = ordered.map((page) => ({ page, blocks: fences(page).filter((block) => (isCommands(block) && block.marks.has('run')) || block.marks.has('file')) }));

/** A build included, where this comes first. */
const RUN_WITHIN_MS = 120_000;

let reader: Reader;
beforeAll(async () => {
  reader = await Reader.sitsDown();
});
afterAll(() => reader.getUp());

describe.each(blocks.filter((each) => each.blocks.some(isCommands)))('$page', ({ blocks: own }) => {
  test.each(own.map((block) => [block.line, block] as const))('line %d does what it says', { timeout: RUN_WITHIN_MS }, async (_, block) => {
    if (!isCommands(block)) return reader.write(block.text);
    const shown = { anyNumbers: block.marks.get('numbers') === 'any' };
    for (const { command, output } of stepsOf(block)) {
      const ran = await reader.run(command);
      const [expected, came] = [alike(output ?? '', shown), alike(ran.output, shown)];
      // What failed is shown whole, whether the page shows output or not.
      const isShown = output !== undefined || ran.status !== 0;
      expect({ command, status: ran.status, output: isShown ? elided(expected, came) : '' }).toEqual({ command, status: 0, output: expected });
    }
    return undefined;
  });
});
