/** The manual as text: every block of commands says what runs it, every command can be read, every link leads somewhere. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { CommanderError, type Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { program } from '../../apps/cli/src/program.ts';
import { knownVariables } from '../../libs/runtime/src/settings.ts';
import { anchor } from '../../scripts/reference/markdown.ts';
import { fences, isCommands, pages, textOf, type Block } from '../support/manual/blocks.ts';
import { projectRoot } from '../support/project-root.ts';

/** Why a block is not run, and how many are so: a new one is a decision. */
const NOT_RUN: Readonly<Record<string, readonly [number, string]>> = {
  docker: [5, 'a Docker engine; test/e2e/compose.docker.spec.ts does the like where there is one'],
  kubernetes: [1, 'a cluster; test/integration/kubernetes.spec.ts judges the manifests'],
  kafka: [2, 'a Kafka and a Redis of the documented addresses; test/e2e/fleet.services.spec.ts starts the fleet on others'],
  redis: [1, 'a Redis that a fleet has written to'],
  hosts: [3, 'machines, certificates and logins of yours'],
  grpcurl: [2, 'grpcurl; test/integration/console-grpc.spec.ts asks by reflection'],
  long: [1, 'minutes; CI runs them as steps of its own'],
  files: [1, 'a log of yours'],
};
/** Ours, with variables before it. */
const COMMAND = /^(?:\$ )?(?:\w+=\S+ )*(?:npx )?fuseboard [a-z-]/;
const MANUAL = pages();
const blocks = MANUAL.flatMap(fences).filter(isCommands);
const nameOf = ({ page, line }: Block): string => `${page}:${line}`;

describe('a block of commands', () => {
  test('is run, or says by what it is, or why it is not', () => {
    const unmarked = blocks.filter(({ marks }) => !marks.has('run') && !marks.has('by') && !marks.has('not-run'));
    expect(unmarked.map(nameOf)).toEqual([]);
  });

  test('that is not run has a known reason, and these are as many as are listed', () => {
    const counts = Object.fromEntries(Object.keys(NOT_RUN).map((reason) => [reason, blocks.filter(({ marks }) => marks.get('not-run') === reason).length]));
    expect(counts).toEqual(Object.fromEntries(Object.entries(NOT_RUN).map(([reason, [count]]) => [reason, count])));
    expect(blocks.filter(({ marks }) => marks.has('not-run') && !((marks.get('not-run') ?? '') in NOT_RUN)).map(nameOf)).toEqual([]);
    for (const [, why] of Object.values(NOT_RUN)) for (const [path] of why.matchAll(/test\/\S+\.ts/g)) expect(existsSync(join(projectRoot(), path))).toBe(true);
  });

  test('that another spec runs is on a page which that spec reads', () => {
    const wrong = blocks.filter(({ marks }) => marks.has('by')).filter(({ page, marks }) => {
      const path = join(projectRoot(), marks.get('by') ?? '');
      return !existsSync(path) || !readFileSync(path, 'utf8').includes(page);
    });
    expect(wrong.map(nameOf)).toEqual([]);
  });

  test('is fenced: an indented one would not be found', () => {
    const indented = MANUAL.flatMap((page) => withoutFences(page).split('\n').filter((line) => /^ {4}\$? ?(?:npx|npm|curl|grpcurl|docker|kubectl|fuseboard) /.test(line)).map((line) => `${page}: ${line}`));
    expect(indented).toEqual([]);
  });
});

describe('every command', () => {
  const inline = MANUAL.flatMap((page) => [...withoutFences(page).matchAll(/(?<!`)`((?:npx )?fuseboard [^`]+)`(?!`)/g)].map(([, text = '']) => ({ where: page, text })));
  const inBlocks = blocks.flatMap((block) => joined(block.text).split('\n').filter((line) => COMMAND.test(line)).map((text) => ({ where: nameOf(block), text })));

  test('of fuseboard in it can be read by fuseboard', () => {
    expect(inline.length + inBlocks.length).toBeGreaterThan(40);
    const unread = [...inline, ...inBlocks].flatMap(({ where, text }) => text.split(/ && |; | \| /).filter((part) => COMMAND.test(part)).flatMap((part) => problemOf(part).map((problem) => `${where}: ${part}: ${problem}`)));
    expect(unread).toEqual([]);
  });

  test('of npm in it is a script that there is', () => {
    const { scripts } = JSON.parse(readFileSync(join(projectRoot(), 'package.json'), 'utf8')) as { scripts: Record<string, string> };
    const named = MANUAL.flatMap((page) => [...textOf(page).matchAll(/npm run (?:-s )?([a-z][a-z:-]*)/g)].map(([, name = '']) => name));
    expect([...new Set(named)].filter((name) => !(name in scripts))).toEqual([]);
  });

  test('sets variables that are read', () => {
    const named = new Set(blocks.flatMap(({ text }) => text.match(/FUSEBOARD_[A-Z]+(?:_[A-Z]+)*/g) ?? []));
    expect([...named].filter((name) => !knownVariables().includes(name))).toEqual([]);
  });
});

describe('every link', () => {
  test('leads to a file and a heading that there are', () => {
    const broken = MANUAL.flatMap((page) => linksOf(page).filter((link) => !leadsSomewhere(page, link)).map((link) => `${page}: ${link}`));
    expect(broken).toEqual([]);
  });

  test('that is missing is seen: each page of the manual is in its table of contents', () => {
    const reached = new Set(['docs/README.md']);
    for (const page of reached) {
      for (const link of linksOf(page)) {
        const path = normalize(join(dirname(page), link.split('#', 1)[0] ?? ''));
        if (MANUAL.includes(path)) reached.add(path);
      }
    }
    // Decisions have a list of their own.
    const index = linksOf('docs/README.md').map((link) => normalize(join('docs', link.split('#', 1)[0] ?? '')));
    expect(MANUAL.filter((page) => !reached.has(page))).toEqual([]);
    expect(MANUAL.filter((page) => !index.includes(page) && !/^docs\/(?:README\.md$|decisions\/)/.test(page))).toEqual([]);
  });
});

test('every benchmark is named in bench/README.md', () => {
  const [main, readme] = ['bench/main.ts', 'bench/README.md'].map((path) => readFileSync(join(projectRoot(), path), 'utf8'));
  const names = [...(main ?? '').matchAll(/^ {2}'?([a-z-]+)'?: \(\) => import\(/gm)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(20);
  expect(names.filter((name) => !readme?.includes(`\`${name}\``) && !readme?.includes(`bench -- ${name}`))).toEqual([]);
});

function withoutFences(page: string): string {
  return textOf(page).replaceAll(/^([ \t]*`{3,})[^`\n]*\n[^]*?^\1[ \t]*$/gm, '');
}

/** One line for a command that goes over several, without what follows a `#`. */
function joined(text: string): string {
  return text.replaceAll(/\\\n\s*/g, ' ').replaceAll(/\s+# .*$/gm, '');
}

/** Why it can't be read. Words in capitals stand for something, `…` for more. */
function problemOf(part: string): string[] {
  const words = [...part.slice(part.indexOf('fuseboard ') + 'fuseboard '.length).replaceAll('…', '').matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, single, double, bare]) => single ?? double ?? bare ?? '');
  const end = words.findIndex((word) => /^[>&|]/.test(word));
  const args = words.slice(0, end === -1 ? undefined : end).filter((word) => word !== '');
  const root = program({});
  for (const command of [root, ...leaves(root)]) command.exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {} });
  for (const leaf of leaves(root)) leaf.action(() => {});
  try {
    root.parse(args, { from: 'user' });
    return [];
  } catch (error) {
    // What a page says of a command in passing needn't have all that it wants.
    const isName = error instanceof CommanderError && error.code === 'commander.invalidArgument' && /argument '[A-Z]+' is invalid/.test(error.message);
    const isShort = error instanceof CommanderError && ['commander.missingArgument', 'commander.missingMandatoryOptionValue', 'commander.optionMissingArgument', 'commander.helpDisplayed', 'commander.help'].includes(error.code);
    return isShort || isName ? [] : [(error as Error).message];
  }
}

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

/** Those within the repository. */
function linksOf(page: string): string[] {
  return [...withoutFences(page).replaceAll(/`[^`\n]*`/g, '').matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link).filter((link) => !/^[a-z]+:/.test(link));
}

function leadsSomewhere(page: string, link: string): boolean {
  const [to = '', heading] = link.split('#');
  const path = to === '' ? page : normalize(join(dirname(page), to));
  const full = join(projectRoot(), path);
  if (!existsSync(full)) return false;
  if (heading === undefined) return true;
  return statSync(full).isFile() && anchorsOf(path).has(heading);
}

function anchorsOf(page: string): ReadonlySet<string> {
  const found = new Set<string>();
  for (const [, heading = ''] of withoutFences(page).matchAll(/^#{1,6} (.+)$/gm)) {
    const name = anchor(heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1'));
    let own = name;
    for (let n = 1; found.has(own); n++) own = `${name}-${n}`;
    found.add(own);
  }
  return found;
}
