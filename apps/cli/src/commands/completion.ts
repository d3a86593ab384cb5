/** `fuseboard completion`: a script that lets a shell complete what is typed. */
import type { Command } from 'commander';
import { completionScript, type Shell } from '../completion/scripts.ts';
import { wordsOf } from '../completion/words.ts';

export function completion(root: Command, shell: Shell): void {
  process.stdout.write(completionScript(shell, wordsOf(root)));
}
