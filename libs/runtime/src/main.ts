/** The outermost frame of a process. */
import { StartError } from './start-error.ts';

const CANNOT_START = "Fuseboard can't start";

/** Runs `main`; if it fails, says why on standard error and ends the process: in words for a StartError, else with the stack. */
export async function runMain(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`${inWords(error)}\n`);
    process.exit(error instanceof StartError ? error.exitCode : 1);
  }
}

function inWords(error: unknown): string {
  if (error instanceof StartError) return error.message.startsWith(CANNOT_START) ? error.message : `${CANNOT_START}. ${error.message}`;
  return error instanceof Error ? String(error.stack) : String(error);
}
