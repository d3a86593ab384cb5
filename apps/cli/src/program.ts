/** The `fuseboard` command line: what can be asked, and how it is read. What is done stands in commands/. */
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { VERSION } from '#runtime/reach';
import { byHand } from './by-hand.ts';
import { SERVER_DEFAULT, addressOf, connectionOf, type Connection, type ConnectionFlags } from './connection.ts';
import { SHELLS, type Shell } from './completion/scripts.ts';
import { OUTPUTS, dataDir, examples, limit, moment, output, seed } from './options.ts';
import type { Output } from './output.ts';
import { addSimulate } from './simulate/option-reader.ts';
import { MOMENT_ALLOWED } from './span.ts';

/** Each command loads what it needs when it is asked for, so that none waits for another's libraries. */
export function program(env: NodeJS.ProcessEnv): Command {
  const root = new Command('fuseboard')
    .description('Fuseboard on the command line.')
    .version(VERSION)
    .option('--server <HOST:PORT>', `the console's gRPC (default: FUSEBOARD_SERVER, or ${SERVER_DEFAULT})`)
    .option('--tls', 'the console is spoken to over TLS (default: FUSEBOARD_SERVER_TLS=true, or if one of the next is given)')
    .option('--tls-ca <FILE>', "PEM: who signed the console's certificate (default: FUSEBOARD_SERVER_TLS_CA, or whom Node trusts)")
    .option('--tls-cert <FILE>', 'PEM: a certificate to show in place of a token (default: FUSEBOARD_SERVER_TLS_CERT)')
    .option('--tls-key <FILE>', 'PEM: its key (default: FUSEBOARD_SERVER_TLS_KEY)')
    .showHelpAfterError('See `fuseboard --help`.')
    .addHelpText('after', '\nA token for the console is taken from FUSEBOARD_TOKEN, or from the file that FUSEBOARD_TOKEN_FILE names.');
  const connection = (): Connection => connectionOf(root.opts<ConnectionFlags>(), env);

  root
    .command('validate')
    .description('check documents as a start would')
    .argument('<FILE...>', 'YAML files; - is standard input')
    .option('--rate <CALLS>', 'calls per second of all callers together: says at which error rate each policy trips', positive)
    .addHelpText('after', examples('fuseboard validate config/*.yaml', 'fuseboard validate --rate 200 policy.yaml', 'kubectl get upstreamtrafficsettings -A -o yaml | fuseboard validate -'))
    .action(async (files: string[], options: { rate?: number }) => {
      const { validate } = await import('./commands/validate.ts');
      process.exitCode = await validate(files, options);
    });
  root
    .command('get')
    .description('show breakers; of one, as a table, also why it is so, and which proxies refuse its calls')
    .argument('[UPSTREAM]', 'one of them; default: all')
    .addOption(output())
    .addOption(new Option('--state <STATE>', 'only those in this state').choices(['open', 'closed']))
    .addHelpText('after', examples('fuseboard get', 'fuseboard get --state open', 'fuseboard get shop.local', 'fuseboard get shop.local -o yaml', 'fuseboard --server console:50051 get -o json'))
    .action(async (upstream: string | undefined, options: { output: Output; state?: 'open' | 'closed' }) => {
      const { get } = await import('./commands/get.ts');
      await get(connection(), { ...options, ...(upstream !== undefined && { upstream }) });
    });
  root
    .command('watch')
    .description('the present state of each breaker, then each change, until it is interrupted')
    .argument('[UPSTREAM]', 'only this one; default: all')
    .addOption(new Option('-o, --output <FORMAT>', 'table: on a terminal one that stays, else a line for each change; json: an object a line; yaml: a document each').choices(OUTPUTS).default(undefined, 'table on a terminal, else json'))
    .addHelpText('after', examples('fuseboard watch', 'fuseboard watch shop.local', "fuseboard watch | jq 'select(.state == \"open\")'"))
    .action(async (upstream: string | undefined, options: { output?: Output }) => {
      const { watch } = await import('./commands/watch.ts');
      await watch(connection(), { ...options, ...(upstream !== undefined && { upstream }) });
    });
  addFleet(root, connection);
  root
    .command('echo')
    .description("a demo upstream that fails and delays as its query says, in Fortio's words: /echo?status=511:20&delay=200ms:20")
    .option('--listen <HOST:PORT>', 'where it listens; port 0: any free one', '127.0.0.1:8079')
    .option('--seed <NUMBER>', 'makes chance repeatable', seed)
    .addHelpText('after', examples('fuseboard echo', 'fuseboard echo --listen 127.0.0.1:9000', 'fuseboard echo --listen 127.0.0.1:0 --seed 1'))
    .action(async ({ listen, ...options }: { listen: string; seed?: number }) => {
      const { echo } = await import('./commands/echo.ts');
      await echo({ listen: addressOf(listen, '--listen'), ...options });
    });
  addSimulate(root, env);
  byHand(root, connection);
  fromLog(root, env);
  root
    .command('completion')
    .description('a script that lets a shell complete what is typed')
    .addArgument(new Argument('<SHELL>').choices(SHELLS))
    .addHelpText('after', examples('source <(fuseboard completion bash)', 'source <(fuseboard completion zsh)', 'fuseboard completion fish > ~/.config/fish/completions/fuseboard.fish'))
    .action(async (shell: Shell) => {
      const { completion } = await import('./commands/completion.ts');
      completion(root, shell);
    });
  for (const each of root.commands) each.showHelpAfterError(`See \`fuseboard ${each.name()} --help\`.`);
  return root;
}

function addFleet(root: Command, connection: () => Connection): void {
  root
    .command('fleet')
    .description('which processes there are and how each is, the silent and the unready first')
    .argument('[WORD...]', 'only those with all of these in their name, host, version or role')
    .option('--limit <N>', 'so many at most, up to 1000', limit, 300)
    .addOption(output())
    .addHelpText('after', examples('fuseboard fleet', 'fuseboard fleet proxy eu-west', 'fuseboard fleet -o json | jq .summary'))
    .action(async (words: string[], options: { limit: number; output: Output }) => {
      const { fleet } = await import('./commands/fleet.ts');
      await fleet(connection(), { search: words.join(' '), ...options });
    });
}

/** Commands that read logs and store themselves, with the processes' own variables. */
function fromLog(root: Command, env: NodeJS.ProcessEnv): void {
  root
    .command('verify')
    .description('fold the log again and compare the store and the transitions log with it; ends with 3 on a difference, 4 where part of it could not be verified')
    .argument('[UPSTREAM...]', 'only these; default: all')
    .addOption(dataDir())
    .option('--quick', 'from the newest checkpoint on, which takes its word for what was before')
    .addOption(output())
    .addHelpText('after', examples('fuseboard verify', 'fuseboard verify shop.local --data-dir ./data', 'fuseboard verify --quick -o json'))
    .action(async (upstreams: string[], options: { dataDir?: string; quick?: boolean; output: Output }) => {
      const { verify } = await import('./commands/verify.ts');
      process.exitCode = await verify({ env, upstreams, ...options });
    });
  root
    .command('rebuild')
    .description('make the store again from the log; ingests and proxies may run (a data directory: only while no process has it)')
    .option('--partition <N>', 'only this one; default: all', wholeNumber)
    .addOption(dataDir())
    .addOption(output())
    .addHelpText('after', examples('fuseboard rebuild', 'fuseboard rebuild --partition 3', 'fuseboard rebuild && fuseboard verify'))
    .action(async (options: { partition?: number; dataDir?: string; output: Output }) => {
      const { rebuild } = await import('./commands/rebuild.ts');
      await rebuild({ env, ...options });
    });
  root
    .command('replay')
    .description('what became of the outcomes of a span, and what was decided, each transition with its cause and window')
    .argument('<UPSTREAM>')
    .requiredOption('--from <TIME>', `by the log's clock: ${MOMENT_ALLOWED}`, moment)
    .addOption(new Option('--to <TIME>', 'up to, and without, this time').argParser(moment).default(undefined, 'now'))
    .addOption(dataDir())
    .addOption(output())
    .addHelpText('after', examples('fuseboard replay --from -10m shop.local', 'fuseboard replay --from 2026-09-21T14:00:00Z --to 2026-09-21T14:05:00Z -o json shop.local'))
    .action(async (upstream: string, { from, to = Date.now(), ...options }: { from: number; to?: number; dataDir?: string; output: Output }) => {
      const { replay } = await import('./commands/replay.ts');
      await replay({ env, upstream, fromMs: from, toMs: to, ...options });
    });
}

function wholeNumber(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Allowed: a whole number from 0.');
}

function positive(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('Allowed: a number above 0.');
}
