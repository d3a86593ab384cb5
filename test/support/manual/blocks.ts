/** The manual's pages, and the blocks of commands in them. */
import { globSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { projectRoot } from '../project-root.ts';

const LANGUAGES = ['sh', 'bash', 'shell', 'console'];

export interface Block {
  /** Of the repository: `docs/tour.md`. */
  readonly page: string;
  readonly line: number;
  readonly language: string;
  /** What stands behind the language: `run`, `not-run=docker`, `numbers=any`. */
  readonly marks: ReadonlyMap<string, string>;
  readonly text: string;
}

/** A command, and what it prints where the page shows it. */
export interface Step {
  readonly command: string;
  /** Absent: the page doesn't say. */
  readonly output?: string;
}

export function pages(): string[] {
  const root = projectRoot();
  return ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...globSync(join(root, 'docs/**/*.md')).map((path) => relative(root, path)).toSorted()];
}

export function textOf(page: string): string {
  return readFileSync(join(projectRoot(), page), 'utf8');
}

/** Every fenced block of a page, whatever it is written in. */
export function fences(page: string): Block[] {
  const blocks: Block[] = [];
  let open: { line: number; info: string; lines: string[]; fence: string } | undefined;
  for (const [at, line] of textOf(page).split('\n').entries()) {
    const [, fence, info = ''] = /^\s*(`{3,})(.*)$/.exec(line) ?? [];
    if (open === undefined) {
      if (fence !== undefined) open = { line: at + 1, info, lines: [], fence };
    } else if (fence?.startsWith(open.fence) === true && info.trim() === '') {
      const [language = '', ...words] = open.info.trim().split(/ +/);
      const marks = new Map(words.map((word) => [word.split('=', 1)[0] as string, word.includes('=') ? word.slice(word.indexOf('=') + 1) : '']));
      blocks.push({ page, line: open.line, language, marks, text: open.lines.join('\n') });
      open = undefined;
    } else open.lines.push(line);
  }
  return blocks;
}

export function isCommands({ language }: Block): boolean {
  return LANGUAGES.includes(language);
}

/** Of `console` each `$ command` with what follows it; of others the whole. */
export function stepsOf({ language, text }: Block): Step[] {
  if (language !== 'console') return [{ command: text }];
  return text.split(/^\$ /m).slice(1).map((part) => {
    const lines = part.split('\n');
    const ends = lines.findIndex((line) => !line.endsWith('\\')) + 1;
    return { command: lines.slice(0, ends).join('\n'), output: lines.slice(ends).join('\n') };
  });
}
