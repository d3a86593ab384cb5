/** The `fuseboard` command. Exit codes: 0 done, 1 it didn't work, 2 it was asked wrongly; errors on standard error. */
import { CommanderError, type Command } from 'commander';
import { StartError } from '#runtime/reach';
import { Failure } from './failure.ts';
import { program } from './program.ts';

// Whoever reads our output may have enough of it: `fuseboard watch | head -1` is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

try {
  await exiting(program(process.env)).parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
  const expected = error instanceof Failure || error instanceof StartError;
  process.stderr.write(`${expected ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(expected ? error.exitCode : 1);
}

/** Commander would end the process with 1 itself; a command line that can't be read is 2. */
function exiting(command: Command): Command {
  command.exitOverride();
  for (const each of command.commands) exiting(each);
  return command;
}
