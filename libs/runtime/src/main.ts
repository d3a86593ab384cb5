/** The outermost frame of a process. */
import { StartError } from './start-error.ts';

/** Runs `main`; if it fails, says why on standard error and ends the process: in words for a StartError, else with the stack. */
export async function runMain(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    const expected = error instanceof StartError;
    process.stderr.write(`${expected ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(expected ? error.exitCode : 1);
  }
}
