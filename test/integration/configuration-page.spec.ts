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

it.each(settings)('docs/configuration.md says of %s what it takes: each bound and each word', (_, { variable, allowed }) => {
  const row = (PAGE.split('\n').find((line) => line.startsWith(`| \`${variable}\``)) ?? '').replaceAll(/(?<=\d),(?=\d{3})/g, '');
  // Of ports it is said once for all.
  const [ports = ''] = row.includes('HOST:PORT') ? (/\*\*Addresses:\*\*[^]*?\n\n/.exec(PAGE) ?? []) : [];
  const bounds = [...allowed.replaceAll(/such as .*/g, '').matchAll(/(?<![\w:.])(\d+(?:ms|s|m|h)?)(?![\w.])/g)].map(([, bound = '']) => bound);
  const words = /^[\w-]+(?:, [\w-]+)+$/.test(allowed) ? allowed.split(', ') : [];
  expect([...bounds, ...words].filter((each) => !row.includes(each) && !ports.includes(each))).toEqual([]);
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
