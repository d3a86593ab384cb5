import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SETTINGS, knownVariables, type Setting } from '../../libs/runtime/src/settings.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/configuration.md'), 'utf8');
const settings = Object.entries(SETTINGS) as [string, Setting<unknown>][];

it.each(settings)('docs/configuration.md has %s with its variable, flag and default', (key, { variable, flag, fallback, secret }) => {
  const cells = PAGE.split('\n')
    .find((line) => line.startsWith(`| \`${variable}\``))
    ?.split('|')
    .map((cell) => cell.trim());
  expect(cells?.slice(1, fallback === undefined ? 4 : 5)).toEqual([
    secret ? `\`${variable}\`, \`…_FILE\`` : `\`${variable}\``,
    secret ? `\`${key}\`, \`${key}File\`` : `\`${key}\``,
    flag === undefined ? '' : `\`${flag}\``,
    ...(fallback === undefined ? [] : [`\`${fallback}\``]),
  ]);
});

it('docs/configuration.md names no variable that is not read', () => {
  const named = new Set(PAGE.match(/FUSEBOARD_[A-Z]+(?:_[A-Z]+)*/g));
  expect([...named].filter((name) => !knownVariables().includes(name))).toEqual([]);
});
