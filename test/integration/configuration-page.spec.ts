import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tracingConfig } from '../../libs/runtime/src/tracing-config.ts';
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

it('docs/configuration.md names each of OpenTelemetry’s variables that is read, and no other', () => {
  const asked = new Set<string>();
  const env = new Proxy<Record<string, string | undefined>>({ OTEL_TRACES_EXPORTER: 'otlp', OTEL_TRACES_SAMPLER: 'traceidratio' }, {
    get: (values, name: string) => {
      asked.add(name);
      return values[name];
    },
  });
  tracingConfig(env, []);
  const named = new Set([...PAGE.matchAll(/^\| (?:`OTEL_[A-Z_]+`(?:, )?)+/gm)].flatMap(([cell]) => cell.match(/OTEL_[A-Z_]+/g) ?? []));
  expect([...named].toSorted()).toEqual([...asked].toSorted());
});
