/** What can be typed, as the shells' scripts need it: taken from the commands themselves, so that it is never out of date. */
import type { Command, Option } from 'commander';

export interface CommandWords {
  /** `policy get`; empty: the command itself. */
  readonly path: string;
  readonly description: string;
  readonly options: readonly OptionWords[];
  /** Below it. */
  readonly commands: readonly { readonly name: string; readonly description: string }[];
}

export interface OptionWords {
  /** `-o`, `--output`. */
  readonly flags: readonly string[];
  readonly description: string;
  readonly takesValue: boolean;
  /** Empty: anything, files first. */
  readonly choices: readonly string[];
}

/** The command itself first, then all below it. */
export function wordsOf(command: Command, path = ''): CommandWords[] {
  const help: OptionWords = { flags: ['-h', '--help'], description: 'show help', takesValue: false, choices: [] };
  const commands = command.createHelp().visibleCommands(command).filter((each) => each.name() !== 'help');
  const own: CommandWords = {
    path,
    description: command.description(),
    options: [...command.options.filter(({ hidden }) => !hidden).map(optionWords), help],
    commands: [...commands.map((each) => ({ name: each.name(), description: each.description() })), ...valuesOf(command)],
  };
  return [own, ...commands.flatMap((each) => wordsOf(each, path === '' ? each.name() : `${path} ${each.name()}`))];
}

/** Of an argument that can only be one of some words. */
function valuesOf({ registeredArguments }: Command): CommandWords['commands'] {
  return (registeredArguments[0]?.argChoices ?? []).map((name) => ({ name, description: registeredArguments[0]?.description ?? '' }));
}

function optionWords({ short, long, description, required, optional, argChoices }: Option): OptionWords {
  return { flags: [short, long].filter((flag) => flag !== undefined), description, takesValue: required || optional, choices: argChoices ?? [] };
}
