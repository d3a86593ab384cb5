import { CommanderError, type Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { program } from './program.ts';

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

/** As `--help` prints it. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => void (text += part) });
  command.outputHelp();
  return text;
}

function examplesOf(command: Command): string[] {
  const [, behind = ''] = helpOf(command).split('\nExamples:\n');
  return behind.split('\n').map((line) => line.trim()).filter((line) => line !== '');
}

/** Words as a shell takes them; enough for what the examples have. */
function split(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, single, double, bare]) => single ?? double ?? bare ?? '');
}

/** Our own part of a line that may be a pipe, a chain, or within `source <(…)`. */
function own(example: string): string[] {
  const words = split(example.replace(/^source <\((.*)\)$/, '$1'));
  const start = words.indexOf('fuseboard') + 1;
  const end = words.findIndex((word, n) => n > start && ['|', '&&', '>'].includes(word));
  return words.slice(start, end === -1 ? undefined : end);
}

/** The command that a line runs, nothing of it done. @throws {CommanderError} */
function parsed(words: readonly string[]): string {
  const root = program({});
  let ran = '';
  for (const command of [root, ...leaves(root)]) command.exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {} });
  for (const leaf of leaves(root)) leaf.action(() => void (ran = leaf.name()));
  root.parse(words, { from: 'user' });
  return ran;
}

describe('fuseboard', () => {
  const commands = leaves(program({})).map((command) => [command.name(), command] as const);

  test.each(commands)('%s --help has examples, and each can be read', (name, command) => {
    const examples = examplesOf(command);
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) expect([example, parsed(own(example))]).toEqual([example, name]);
  });

  test.each(commands.filter(([, command]) => command.options.some(({ long }) => long === '--output')))('%s is shown as table, json or yaml', (name, command) => {
    expect([name, command.options.find(({ long }) => long === '--output')?.argChoices]).toEqual([name, ['table', 'json', 'yaml']]);
  });

  test('an unknown command is refused with what may have been meant', () => {
    expect(() => parsed(['wacht'])).toThrow(expect.objectContaining({ message: expect.stringContaining('Did you mean watch?') as string }));
    expect(() => parsed(['get', '--sate', 'open'])).toThrow(CommanderError);
  });

  test.each(commands)('%s, asked wrongly, says whose help has examples', (name, command) => {
    let said = '';
    command.exitOverride().configureOutput({ writeErr: (part) => void (said += part) });
    expect(() => command.parse(['--no-such-option'], { from: 'user' })).toThrow(CommanderError);
    expect(said).toContain(`See \`fuseboard ${name} --help\`.`);
  });
});
