/** `simulate` on the command line. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { collected, dataDir, examples, moment, output, seed } from '../options.ts';
import type { Output } from '../output.ts';
import { MOMENT_ALLOWED } from '../span.ts';
import { FAIL_IF_ALLOWED, parseCondition, type Condition } from './fail-if.ts';

interface Given {
  readonly policy: readonly string[];
  readonly format: string;
  readonly upstream?: string;
  readonly from?: number;
  readonly to?: number;
  readonly dataDir?: string;
  readonly generate?: string;
  readonly seed: number;
  readonly strict?: boolean;
  readonly failIf: readonly Condition[];
  readonly output: Output;
}

export function addSimulate(root: Command, env: NodeJS.ProcessEnv): void {
  root
    .command('simulate')
    .description('what policies would have done with recorded calls: when they would have opened, why, and what they would have refused; no server is asked')
    .argument('[FILE...]', 'access logs, or outcome records as JSON lines; .gz too; - is standard input; a .yaml file here is one more policy')
    .addOption(new Option('-f, --policy <FILE>', 'a policy to try; several times: side by side over the same calls').argParser(collected(String)).default([], 'none'))
    .option('--format <FORMAT>', "auto, outcomes, envoy, envoy-json, nginx, or a template such as '$time_iso8601 $status $request_time'", 'auto')
    .option('--upstream <NAME>', 'every call is one of this upstream, whatever its line says')
    .addOption(new Option('--from <TIME>', `not files but the log, of the UPSTREAM that stands in place of FILE: ${MOMENT_ALLOWED}`).argParser(moment))
    .addOption(new Option('--to <TIME>', 'up to, and without, this time').argParser(moment).default(undefined, 'now'))
    .addOption(dataDir())
    .option('--generate <WORDS>', "not files but made-up calls: 'rate=200,for=10m,errors=1%,slow=2%:6s,burst=2m+30s:60%'")
    .option('--seed <NUMBER>', 'of made-up calls', seed, 1)
    .option('--strict', "a line that can't be read ends it with 1")
    .addOption(new Option('--fail-if <CONDITION>', "ends with 3 where it holds of a policy: 'refused_good > 0.1%'; several times").argParser(collected(condition)).default([], 'none'))
    .addOption(output())
    .addHelpText('after', examples('fuseboard simulate -f policy.yaml access.log', "fuseboard simulate -f strict.yaml -f lenient.yaml --fail-if 'refused_good > 0.1%' access.log.1.gz access.log", "fuseboard simulate -f policy.yaml --generate 'rate=200,for=10m,burst=2m+30s:60%'", 'fuseboard simulate -f policy.yaml --from -1h shop.local -o json'))
    .action(async (inputs: string[], { policy, from, to, strict = false, ...options }: Given) => {
      const { simulate } = await import('../commands/simulate.ts');
      const isPolicy = (input: string): boolean => /\.ya?ml$/i.test(input);
      const span = { ...(from !== undefined && { fromMs: from }), ...(to !== undefined && { toMs: to }) };
      process.exitCode = await simulate({ env, strict, ...span, ...options, policies: [...policy, ...inputs.filter(isPolicy)], inputs: inputs.filter((input) => !isPolicy(input)) });
    });
}

function condition(text: string): Condition {
  const read = parseCondition(text);
  if (read !== undefined) return read;
  throw new InvalidArgumentError(`Allowed: ${FAIL_IF_ALLOWED}.`);
}
