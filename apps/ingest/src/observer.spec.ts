import { expect, test } from 'vitest';
import { observe } from './observer.ts';

function observed() {
  const lines: string[] = [];
  const say = (_: object, line?: string): void => void lines.push(line ?? '');
  const nothing = (): void => {};
  const metrics = { folded: nothing, commit: nothing, transition: nothing };
  return { lines, observer: observe({ warn: say, info: say, error: say } as never, metrics as never, 'ingest') };
}

test('records that can’t be read are said, with where the reason stands, once in a while', () => {
  const { lines, observer } = observed();
  for (const dead of [0, 3, 2]) observer.folded(4, { tally: { dead }, transitions: [] } as never);
  expect(lines).toEqual(['records could not be read and are among the dead letters, with the reason (docs/producers.md)']);
});

test('L2: misrouted outcomes are said with what their producer must set, once in a while', () => {
  const { lines, observer } = observed();
  const record = { upstream: 'a', reporter: 'billing', count: 1, value: new Uint8Array(), partition: 1, offset: 2 };
  observer.sentOn([record]);
  observer.sentOn([record, record]);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/key = upstream.*murmur2/);
});
