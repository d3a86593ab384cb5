/** ControlLog: what operators said, in one order for everybody, for ever (C1). */
import { describe, expect, test, vi } from 'vitest';
import type { ControlChange } from '#engine';
import { afterCrash, opened, turns, type Harness } from './harness.ts';
import { draft, keyOf, location, setting } from './samples.ts';
import { plainChange } from '../support/plain-document.ts';

const CHANGES: ControlChange[] = [
  { kind: 'apply', document: setting('p', 'a') },
  { kind: 'apply', document: location('u', 'a.shop') },
  { kind: 'delete', document: keyOf(setting('p', 'a')) },
  { kind: 'force', upstream: 'a.shop', to: 'open', durationMs: 600_000 },
  { kind: 'force', upstream: 'a.shop', to: 'closed' },
  { kind: 'clear', upstream: 'a.shop' },
  { kind: 'incarnation', partition: 0, number: 2, identity: 'ab12', startOffset: 40 },
  { kind: 'engine', version: 2 },
];
const clear = (upstreamName: string): ControlChange => ({ kind: 'clear', upstream: upstreamName });

export function controlLogContract(harness: Harness): void {
  describe('the control log', () => {
    test('gives back every kind of record with author, reason and source, in order', async () => {
      const driver = await opened(harness);
      const drafts = CHANGES.map((change, index) => draft(change, { author: `author ${index}`, reason: `reason ${index}`, source: index % 2 === 0 ? 'api' : 'directory' }));
      await driver.control.append(drafts.slice(0, 3));
      await driver.control.append(drafts.slice(3));
      const read = await driver.control.read(0);
      expect(read.map(({ author, reason, source, change }) => ({ author, reason, source, change: plainChange(change) }))).toEqual(drafts);
      expect(read.every(({ appendMs }) => Number.isSafeInteger(appendMs) && appendMs > 0)).toBe(true);
    });

    test('gives offsets that only grow, and tells the appender the last one', async () => {
      const driver = await opened(harness);
      const told = [await driver.control.append(CHANGES.slice(0, 3).map((change) => draft(change))), await driver.control.append([draft(clear('x'))])];
      const offsets = (await driver.control.read(0)).map(({ offset }) => offset);
      expect(offsets).toEqual([...new Set(offsets)].toSorted((a, b) => a - b));
      expect(told).toEqual([offsets[2], offsets[3]]);
    });

    test('has no offset below 0, so that -1 says "none" (C2)', async () => {
      const driver = await opened(harness);
      await driver.control.append([draft(clear('x'))]);
      expect((await driver.control.read(0))[0]?.offset).toBeGreaterThanOrEqual(0);
    });

    test('reads from an offset on', async () => {
      const driver = await opened(harness);
      expect(await driver.control.read(0)).toEqual([]);
      await driver.control.append(['a', 'b', 'c'].map((name) => draft(clear(name))));
      const all = await driver.control.read(0);
      expect(await driver.control.read(all[1]!.offset)).toEqual(all.slice(1));
      expect(await driver.control.read(all[2]!.offset + 1)).toEqual([]);
    });

    test('names each record by its content: alike for the same, else different, and the same whenever it is read (C2)', async () => {
      const driver = await opened(harness);
      await driver.control.append([draft(clear('a')), draft(clear('b')), draft(clear('a')), draft(clear('a'), { author: 'bob' })]);
      const hashes = (await driver.control.read(0)).map(({ hash }) => hash);
      expect(hashes.every((hash) => hash.length >= 32)).toBe(true);
      expect(hashes[2]).toBe(hashes[0]);
      expect(new Set(hashes).size).toBe(3);
      expect((await driver.control.read(0)).map(({ hash }) => hash)).toEqual(hashes);
    });

    test('tells listeners of each append, when the record can be read; not of what came before, nor after they stopped', async () => {
      const driver = await opened(harness);
      await driver.control.append([draft(clear('a'))]);
      await turns();
      let [news, others] = [0, 0];
      const readable: number[] = [];
      const stop = await driver.control.onNews(() => {
        news++;
        void driver.control.read(0).then(({ length }) => readable.push(length));
      });
      await driver.control.onNews(() => others++);
      expect(news).toBe(0);
      await driver.control.append([draft(clear('b'))]);
      await vi.waitFor(() => expect(readable.at(-1)).toBe(2), 10_000);
      await stop();
      const [heard, othersHeard] = [news, others];
      await driver.control.append([draft(clear('c'))]);
      await vi.waitFor(() => expect(others).toBeGreaterThan(othersHeard), 10_000);
      expect(news).toBe(heard);
    });

    test('appends and tells the others though a listener throws', async () => {
      const driver = await opened(harness);
      let told = 0;
      await driver.control.onNews(() => {
        throw new Error('a listener of the test');
      });
      await driver.control.onNews(() => told++);
      await driver.control.append([draft(clear('a'))]);
      await vi.waitFor(() => expect(told).toBeGreaterThan(0), 10_000);
      expect(await driver.control.read(0)).toHaveLength(1);
    });

  });
  clockContract(harness);
  crashContract(harness);
}

function clockContract(harness: Harness): void {
  const { setClock } = harness;
  if (setClock === undefined) return;
  test('the control log stamps records with its own clock', async () => {
    const driver = await opened(harness);
    setClock(driver, 5_000);
    await driver.control.append([draft(clear('a'))]);
    setClock(driver, 6_000);
    await driver.control.append([draft(clear('b'))]);
    expect((await driver.control.read(0)).map(({ appendMs }) => appendMs)).toEqual([5_000, 6_000]);
  });
}

function crashContract(harness: Harness): void {
  const { crash } = harness;
  if (crash === undefined) return;
  test('the control log outlives a crash, hashes and times included, and goes on behind', async () => {
    const driver = await opened(harness);
    const last = await driver.control.append(CHANGES.map((change) => draft(change)));
    const before = await driver.control.read(0);
    const next = await afterCrash({ crash }, driver);
    expect(await next.control.read(0)).toEqual(before);
    expect(await next.control.append([draft(clear('x'))])).toBeGreaterThan(last);
  });
}
