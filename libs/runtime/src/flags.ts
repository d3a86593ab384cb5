/** The command line of `npm start`. */
import { Command, CommanderError } from 'commander';
import { SETTINGS, type Setting, type SettingKey } from './settings.ts';
import { StartError } from './start-error.ts';

export interface Flags {
  /** As written, by setting name. */
  readonly values: Partial<Record<SettingKey, string>>;
  readonly demo: boolean;
}

const ABOUT: Partial<Record<SettingKey, string>> = {
  configDir: 'YAML documents, watched for changes; without it the demo policy alone',
  dataDir: 'where state is kept; :memory: keeps nothing',
  proxyListen: 'where callers send their requests',
  consoleListen: "the console's HTTP",
  grpcListen: "the console's gRPC",
};

/**
 * Reads what stands after `npm start --`. `--help` prints and ends the process with 0.
 * @throws {StartError} with exit code 2 for a flag that isn't there, or one without its value.
 */
export function readFlags(argv: readonly string[]): Flags {
  const command = new Command('npm start --')
    .description('All of Fuseboard in one process. Every setting is also a variable: see docs/configuration.md.')
    .option('--no-demo', 'without the demo upstream and its policy')
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  for (const [key, { flag, fallback, allowed }] of flagged()) {
    const about = `${ABOUT[key] ?? allowed}${fallback === undefined ? '' : ` (default ${fallback})`}`;
    command.option(`${flag} <${flag === '--config' || flag === '--data' ? 'DIR' : 'HOST:PORT'}>`, about);
  }
  try {
    command.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) process.exit(0);
    throw new StartError(`${error.message.replace(/^error: /, '')}\nSee \`npm start -- --help\`.`, 2);
  }
  const options = command.opts<Record<string, string | boolean | undefined>>();
  const values: Partial<Record<SettingKey, string>> = {};
  for (const [key, { flag }] of flagged()) {
    const written = options[flag.slice(2)];
    if (typeof written === 'string') values[key] = written;
  }
  return { values, demo: options['demo'] === true };
}

function flagged(): [SettingKey, Setting<unknown> & { readonly flag: string }][] {
  const all = Object.entries(SETTINGS) as [SettingKey, Setting<unknown>][];
  return all.filter((entry): entry is [SettingKey, Setting<unknown> & { flag: string }] => entry[1].flag !== undefined);
}
