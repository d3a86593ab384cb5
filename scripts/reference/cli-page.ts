/** docs/reference/cli.md: what `--help` of each command says. */
import type { Command } from 'commander';
import { head, page } from './markdown.ts';

const INTRODUCTION = `What \`--help\` says. What the commands are for, their exit codes, and the ways they are used: [cli.md](../cli.md). In the
checkout it is \`npx fuseboard\`.`;
/** As on a terminal of that many columns. */
const COLUMNS = 110;

export function cliPage(root: Command): string {
  return page(head('The command line', 'apps/cli'), INTRODUCTION, '## fuseboard', helpOf(root), ...root.commands.flatMap((command) => [`## ${command.name()}`, helpOf(command)]));
}

/** As `--help` prints it. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => void (text += part), getOutHelpWidth: () => COLUMNS, getOutHasColors: () => false });
  command.outputHelp();
  return `\`\`\`text\n${text.trimEnd().replaceAll(/[ \t]+$/gm, '')}\n\`\`\``;
}
