/** Commands that change something: what can be asked, and how it is read. */
import { userInfo } from 'node:os';
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Connection } from './connection.ts';
import { Failure } from './failure.ts';
import { examples, limit, output } from './options.ts';
import type { Output } from './output.ts';

type Common = { readonly author: string; readonly wait: string | false; readonly output: Output };

const WAIT_DEFAULT = '10s';

export function byHand(root: Command, connection: () => Connection): void {
  documents(root, connection);
  overrides(root, connection);
  root
    .command('history')
    .description('what became of an upstream, and what was said about it by hand and by directories, as one story, oldest first')
    .argument('<UPSTREAM>')
    .option('--limit <N>', 'newest so many transitions, and control records', limit, 100)
    .addOption(output())
    .addHelpText('after', examples('fuseboard history shop.local', 'fuseboard history shop.local --limit 500 -o json'))
    .action(async (upstream: string, options: { limit: number; output: Output }) => {
      const { history } = await import('./commands/history.ts');
      await history(connection(), { upstream, ...options });
    });
}

function documents(root: Command, connection: () => Connection): void {
  common(root.command('apply'))
    .description('put documents in force: they are checked whole first, and then applied one by one')
    .requiredOption('-f, --file <FILE...>', 'YAML or JSON; - is standard input')
    .option('--reason <TEXT>', 'why (default: from which file)')
    .option('--dry-run', 'write nothing; say what would change, field by field, and what that does to the breaker now')
    .option('--replaces <VERSION>', 'only if this version is in force (none: only if there is none); who comes second is told')
    .addHelpText('after', examples('fuseboard apply -f shop.yaml --dry-run', "fuseboard apply -f shop.yaml --reason 'half the traffic moved away'", 'fuseboard apply -f shop.yaml --replaces 0a1b2c3d4e5f'))
    .action(async ({ file, reason, dryRun = false, replaces = '', ...options }: Common & { file: string[]; reason?: string; dryRun?: boolean; replaces?: string }) => {
      const { apply } = await import('./commands/apply.ts');
      process.exitCode = await apply(connection(), { files: file, dryRun, replaces, reason, ...(await commonOf(options)) });
    });
  common(root.command('delete'))
    .description('take documents out of force; a breaker whose policy is deleted closes')
    .argument('[KIND/NAMESPACE/NAME...]', 'which', keys)
    .option('-f, --file <FILE...>', 'those that stand in it')
    .option('--reason <TEXT>', 'why (default: that it was by hand)')
    .addHelpText('after', examples('fuseboard delete UpstreamTrafficSetting/eu/shop', 'fuseboard delete -f shop.yaml'))
    .action(async (named: Key[] | undefined, { file = [], reason, ...options }: Common & { file?: string[]; reason?: string }) => {
      if ((named ?? []).length + file.length === 0) throw new Failure('delete: found nothing to delete, allowed: KIND/NAMESPACE/NAME or -f FILE', 2);
      const { remove } = await import('./commands/apply.ts');
      process.exitCode = await remove(connection(), { files: file, keys: named ?? [], reason, ...(await commonOf(options)) });
    });
  root
    .command('policies')
    .description('the documents in force, who applied each and why; -o yaml gives them as they were written')
    .argument('[KIND/NAMESPACE/NAME]', 'one of them; also NAMESPACE/NAME or NAME', someKey)
    .option('--record <OFFSET>', 'not what is in force, but a document as this record of the control log applied it: `fuseboard history` names them', record)
    .addOption(output())
    .addHelpText('after', examples('fuseboard policies', 'fuseboard policies eu/shop -o yaml > shop.yaml', 'fuseboard policies --record 17 -o yaml | fuseboard apply -f -'))
    .action(async (key: Partial<Key> | undefined, options: { record?: number; output: Output }) => {
      if (key !== undefined && options.record !== undefined) throw new Failure('--record names the document; allowed: no name beside it', 2);
      const { policies } = await import('./commands/policies.ts');
      await policies(connection(), { ...options, ...(key && { key }) });
    });
}

function overrides(root: Command, connection: () => Connection): void {
  for (const [what, does] of [['open', 'open a breaker by hand: its callers get the degraded answer, and nothing is counted'], ['close', 'close a breaker by hand: its calls pass and are counted, and trip nothing']] as const) {
    common(root.command(what))
      .description(does)
      .argument('<UPSTREAM>')
      .addOption(new Option('--for <DURATION>', 'it ends by itself after that: 10m, 90s, 1h30m').conflicts('untilCleared'))
      .option('--until-cleared', 'it ends only by `fuseboard clear`')
      .requiredOption('--reason <TEXT>', 'why; operators see it, callers never do')
      .addHelpText('after', examples(`fuseboard ${what} shop.local --for 10m --reason 'their database is being moved'`, `fuseboard ${what} shop.local --until-cleared --reason 'INC-1234'`))
      .action(async (upstream: string, { for: lasting, untilCleared = false, reason, ...options }: Common & { for?: string; untilCleared?: boolean; reason: string }) => {
        if (lasting === undefined && !untilCleared) throw new Failure(`${what}: found no end, allowed: --for DURATION or --until-cleared`, 2);
        const durationMs = lasting === undefined ? undefined : await milliseconds(lasting, '--for');
        const { override } = await import('./commands/override.ts');
        process.exitCode = await override(connection(), { what, upstream, durationMs, reason, ...(await commonOf(options)) });
      });
  }
  common(root.command('clear'))
    .description('end what was opened or closed by hand: the breaker is closed, with an empty window, and its policy judges again')
    .argument('<UPSTREAM>')
    .option('--reason <TEXT>', 'why', 'cleared by hand')
    .addHelpText('after', examples("fuseboard clear shop.local --reason 'the database is back'"))
    .action(async (upstream: string, { reason, ...options }: Common & { reason: string }) => {
      const { override } = await import('./commands/override.ts');
      process.exitCode = await override(connection(), { what: 'clear', upstream, reason, ...(await commonOf(options)) });
    });
}

function common(command: Command): Command {
  return command
    .option('--author <NAME>', 'who (default: the user of this machine)', userName())
    .option('--wait <DURATION>', 'how long to wait for it to be in force, at most 60s', WAIT_DEFAULT)
    .option('--no-wait', "don't wait: it is in the control log, and comes into force a moment later")
    .addOption(output());
}

async function commonOf({ author, wait, output: as }: Common): Promise<{ author: string; waitMs: number; output: Output }> {
  return { author, waitMs: wait === false ? 0 : await milliseconds(wait, '--wait'), output: as };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return process.env['USER'] ?? 'unknown';
  }
}

async function milliseconds(text: string, where: string): Promise<number> {
  const { parseGoDuration } = await import('#wire');
  const ms = Number(parseGoDuration(text) ?? -1n) / 1e6;
  if (Number.isInteger(ms) && ms >= 1) return ms;
  throw new Failure(`${where}: found "${text}", allowed: a duration such as 10m, 90s or 1h30m, whole milliseconds from 1ms`, 2);
}

function record(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('allowed: a whole number from 0');
}

interface Key {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

const KINDS = ['UpstreamTrafficSetting', 'Upstream'];

function keys(text: string, before: Key[] | undefined): Key[] {
  const [kind = '', namespace = '', name = '', ...rest] = text.split('/');
  if (!KINDS.includes(kind) || namespace === '' || name === '' || rest.length > 0) throw new InvalidArgumentError(`allowed: KIND/NAMESPACE/NAME, the kind being ${KINDS.join(' or ')}`);
  return [...(before ?? []), { kind, namespace, name }];
}

function someKey(text: string): Partial<Key> {
  const parts = text.split('/');
  const [name = '', namespace, kind] = parts.toReversed();
  if (parts.length > 3 || parts.includes('') || (kind !== undefined && !KINDS.includes(kind))) throw new InvalidArgumentError('allowed: KIND/NAMESPACE/NAME, NAMESPACE/NAME or NAME');
  return { name, ...(namespace !== undefined && { namespace }), ...(kind !== undefined && { kind }) };
}
