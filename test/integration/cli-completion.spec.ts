/** The completion scripts, run by the shells that they are for. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { completionScript, SHELLS, type Shell } from '../../apps/cli/src/completion/scripts.ts';
import { wordsOf } from '../../apps/cli/src/completion/words.ts';
import { program } from '../../apps/cli/src/program.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'fuseboard-completion-'));
  for (const shell of SHELLS) writeFileSync(join(directory, shell), completionScript(shell, wordsOf(program({}))));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** What comes back for each line, the word being completed at its end. Shells without a terminal are told by stand-ins of their own words. */
const ASK: Readonly<Record<Shell, (lines: readonly string[]) => string>> = {
  bash: (lines) => lines.map((line) => `COMP_WORDS=(${words(line)}); COMP_CWORD=$((\${#COMP_WORDS[@]}-1)); _fuseboard; echo "$?:" "\${COMPREPLY[@]}"`).join('\n'),
  zsh: (lines) => lines.map((line) => `words=(${words(line)}); CURRENT=$#words; print -n 0:; _fuseboard; print`).join('\n'),
  fish: (lines) => lines.map((line) => `echo 0: (complete -C '${line}' | string replace -r '\\t.*' '')`).join('\n'),
};
const STAND_INS: Readonly<Record<Shell, string>> = {
  bash: '',
  zsh: `compdef() {}; _files() { print -n ' (files)' }; compadd() { shift; print -rn -- " $*" }; _describe() { local each; for each in "\${(@P)@[-1]}"; do print -rn -- " \${each%%:*}"; done }`,
  fish: '',
};

function words(line: string): string {
  return line.split(' ').map((word) => `'${word}'`).join(' ');
}

/** Undefined: there is no such shell here. */
function complete(shell: Shell, lines: readonly string[]): string[][] | undefined {
  const script = [STAND_INS[shell], `source ${join(directory, shell)}`, ASK[shell](lines)].join('\n');
  const { error, stdout, stderr } = spawnSync(shell, ['-c', script], { encoding: 'utf8', cwd: directory });
  if (error !== undefined) return undefined;
  expect(stderr).toBe('');
  return stdout.trimEnd().split('\n').map((line) => line.replace(/^\d+:/, '').split(' ').filter((word) => word !== ''));
}

describe.each(SHELLS)('fuseboard completion %s', (shell) => {
  it('completes commands, options, and what an option may be', ({ skip }) => {
    const lines = ['fuseboard ', 'fuseboard get -o ', 'fuseboard --server console:50051 get --output ', 'fuseboard get --', 'fuseboard completion ', 'fuseboard --server simulate '];
    const completed = complete(shell, lines);
    if (completed === undefined) return skip(`${shell} is not on PATH`);
    const [commands, formats, behind, options, shells, valued] = completed;
    expect(commands).toEqual(expect.arrayContaining(['validate', 'get', 'watch', 'simulate', 'verify', 'rebuild', 'replay', 'echo', 'completion']));
    expect(commands).not.toContain('(files)');
    expect(formats?.toSorted()).toEqual(['json', 'table', 'yaml']);
    expect(behind?.toSorted()).toEqual(['json', 'table', 'yaml']);
    expect(options).toEqual(expect.arrayContaining(['--output', '--state', '--help']));
    expect(options).not.toContain('--rate');
    expect(shells?.toSorted()).toEqual(['bash', 'fish', 'zsh']);
    // `simulate` is --server's value here, no command.
    expect(valued).toContain('watch');
  });
});
