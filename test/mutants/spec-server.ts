/**
 * Runs specs of the copy that it is started in, as often as it is asked to by messages. Loading Vitest takes longer than
 * most of the tests do, so it is loaded once; what it knows of the sources it has anew each time.
 */
import { relative } from 'node:path';
import { createVitest } from 'vitest/node';
import config from '../../vitest.config.ts';

export interface Asked {
  /** From the copy's root. */
  readonly specs: readonly string[];
  /** Of the tests meant, a regular expression; default: all. */
  readonly title?: string;
}

export interface RanTest {
  /** From the copy's root. */
  readonly spec: string;
  readonly name: string;
  readonly isGreen: boolean;
}

const ROOT = process.cwd();
const { test, ...vite } = config;
const timeout = test?.testTimeout === undefined ? {} : { testTimeout: test.testTimeout };
/** Without a reporter: this says nothing but its answers. */
const OPTIONS = { root: ROOT, config: false, run: true, watch: false, cache: false, pool: 'threads', maxWorkers: 1 } as const;

process.on('message', (asked: Asked) => void answer(asked).then((ran) => process.send?.(ran)));
process.once('disconnect', () => process.exit());
process.send?.('ready');

async function answer({ specs, title }: Asked): Promise<RanTest[]> {
  const vitest = await createVitest('test', { ...OPTIONS, ...timeout, reporters: [{}], include: [...specs], ...(title !== undefined && { testNamePattern: title }) }, vite);
  try {
    const { testModules } = await vitest.start();
    return testModules.flatMap((module) =>
      [...module.children.allTests()]
        .filter((each) => ['passed', 'failed'].includes(each.result().state))
        .map((each) => ({ spec: relative(ROOT, module.moduleId), name: each.fullName.replaceAll(' > ', ' '), isGreen: each.result().state === 'passed' })),
    );
  } finally {
    await vitest.close();
  }
}
