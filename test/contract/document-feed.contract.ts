/** DocumentFeed: the documents in force, whole each time they change (V2, C1). */
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Document, DocumentSet } from '#engine';
import { afterCrash, opened, type DriverUnderTest, type Harness } from './harness.ts';
import { draft, keyOf, location, setting } from './samples.ts';
import { everyDocument, plainDocument } from '../support/plain-document.ts';

/** Enough that a driver that tells some as alike does. */
const ALIKE = 1_200;

interface Heard {
  readonly sets: DocumentSet[];
}

async function follow(driver: DriverUnderTest): Promise<Heard> {
  const sets: DocumentSet[] = [];
  onTestFinished(await driver.documentFeed.follow((set) => sets.push(set)));
  return { sets };
}

const apply = (driver: DriverUnderTest, ...documents: Document[]): Promise<number> =>
  driver.control.append(documents.map((document) => draft({ kind: 'apply', document })));
const remove = (driver: DriverUnderTest, document: Document): Promise<number> => driver.control.append([draft({ kind: 'delete', document: keyOf(document) })]);

/** Names and versions, in any order. */
const names = ({ documents }: DocumentSet): string[] => documents.map(({ kind, name, version }) => `${kind} ${name} ${version}`).toSorted();
const namesOf = (...documents: Document[]): string[] => names({ control: 0, documents });

/** What is in force, as last heard. */
const inForce = ({ sets }: Heard) => expect.poll(() => names(sets.at(-1)!), { timeout: 10_000 });

export function documentFeedContract(harness: Harness): void {
  describe('a follower of documents', () => {
    test('is told at once that there are none, by an empty set', async () => {
      const driver = await opened(harness);
      expect((await follow(driver)).sets).toEqual([{ control: -1, documents: [] }]);
    });

    test('is given all that are in force, once they have reached the feed, as they were applied, with the control offset', async () => {
      const driver = await opened(harness);
      const documents = [setting('p', 'a'), location('u', 'a.shop')];
      const control = await apply(driver, ...documents);
      await inForce(await follow(driver)).toEqual(namesOf(...documents));
      const { sets } = await follow(driver);
      expect(sets).toHaveLength(1);
      expect(sets[0]?.control).toBe(control);
      expect(sets[0]?.documents.map(plainDocument).toSorted((a, b) => (a.kind < b.kind ? 1 : -1))).toEqual(documents);
    });

    test('who asks for no bodies is given the same documents, some maybe as alike; nobody else is given any so', async () => {
      const driver = await opened(harness);
      const documents = [...Array.from({ length: ALIKE }, (_, n) => setting(`p${n}`, `h${n}`)), setting('other', 'other', 99), location('u', 'h1.shop')];
      const control = await apply(driver, ...documents);
      const sets: DocumentSet[] = [];
      onTestFinished(await driver.documentFeed.follow((set) => sets.push(set), { withoutBodies: true }));
      const all = namesOf(...documents);
      await expect.poll(() => namesOf(...everyDocument(sets.at(-1)!)), { timeout: 10_000 }).toEqual(all);
      expect(sets.at(-1)?.control).toBe(control);
      const means = (each: readonly Document[]): Document[] => each.map((document) => ({ ...plainDocument(document), body: undefined })).toSorted((a, b) => (a.name < b.name ? -1 : 1));
      expect(means(everyDocument(sets.at(-1)!))).toEqual(means(documents));
      const heard = await follow(driver);
      await inForce(heard).toEqual(all);
      expect(heard.sets.flatMap(({ alike = [] }) => alike)).toEqual([]);
    });

    test('is given the whole set each time one is applied, changed, deleted or applied again', async () => {
      const driver = await opened(harness);
      const heard = await follow(driver);
      const [a, changed, b] = [setting('a', 'a'), setting('a', 'a', 20), setting('b', 'b')];
      await apply(driver, a, b);
      await inForce(heard).toEqual(namesOf(a, b));
      await apply(driver, changed);
      await inForce(heard).toEqual(namesOf(changed, b));
      await remove(driver, changed);
      await inForce(heard).toEqual(namesOf(b));
      const control = await apply(driver, a);
      await inForce(heard).toEqual(namesOf(a, b));
      expect(heard.sets.at(-1)?.control).toBe(control);
      const offsets = heard.sets.map((set) => set.control);
      expect(offsets).toEqual(offsets.toSorted((x, y) => x - y));
    });

    test('hears the first of two documents for one host, and not the second (C1)', async () => {
      const driver = await opened(harness);
      const heard = await follow(driver);
      const first = [setting('a', 'same'), location('u', 'same.shop', 8080)];
      await apply(driver, ...first);
      await apply(driver, setting('second', 'same', 99), location('second', 'same.shop', 8080));
      const behind = [setting('c', 'c'), location('other-port', 'same.shop', 8081)];
      await apply(driver, ...behind);
      await inForce(heard).toEqual(namesOf(...first, ...behind));
      expect(heard.sets.flatMap(({ documents }) => documents).filter(({ name }) => name === 'second')).toEqual([]);
      expect(names((await follow(driver)).sets[0]!)).toEqual(namesOf(...first, ...behind));
    });

    test('hears the second once the first is deleted and the second is applied again', async () => {
      const driver = await opened(harness);
      const heard = await follow(driver);
      const [first, second] = [setting('a', 'same'), setting('second', 'same', 99)];
      await apply(driver, first, second);
      await remove(driver, first);
      const control = await apply(driver, second);
      await inForce(heard).toEqual(namesOf(second));
      expect(heard.sets.at(-1)?.control).toBe(control);
    });

    test('is not disturbed by overrides and incarnations, and hears of documents behind them', async () => {
      const driver = await opened(harness);
      const a = setting('a', 'a');
      await driver.control.append([
        draft({ kind: 'force', upstream: 'a.shop', to: 'open' }),
        draft({ kind: 'incarnation', partition: 0, number: 1, identity: 'x', startOffset: 0 }),
        draft({ kind: 'apply', document: a }),
        draft({ kind: 'clear', upstream: 'a.shop' }),
      ]);
      const heard = await follow(driver);
      await inForce(heard).toEqual(namesOf(a));
      await driver.control.append([draft({ kind: 'force', upstream: 'a.shop', to: 'open' })]);
      const control = await remove(driver, a);
      await inForce(heard).toEqual(namesOf());
      expect(heard.sets.at(-1)?.control).toBe(control);
    });

    test('misses nothing that is applied while it begins to follow, and never goes back', async () => {
      const driver = await opened(harness);
      const documents: Document[] = [];
      const followers: Heard[] = [];
      for (let round = 0; round < 12; round++) {
        const [one, other] = [setting(`p${round}`, `h${round}`), setting(`q${round}`, `i${round}`)];
        documents.push(one, other);
        const starts = [() => apply(driver, one), () => Promise.resolve().then(() => apply(driver, other)), async () => void followers.push(await follow(driver))];
        const turned = [...starts.slice(round % 3), ...starts.slice(0, round % 3)];
        await Promise.all(turned.map((start) => start()));
      }
      for (const heard of followers) {
        await inForce(heard).toEqual(namesOf(...documents));
        const offsets = heard.sets.map(({ control }) => control);
        expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
      }
    });

    test('hears nothing any more once it has stopped', async () => {
      const driver = await opened(harness);
      const sets: DocumentSet[] = [];
      const stop = await driver.documentFeed.follow((set) => sets.push(set));
      const other = await follow(driver);
      await stop();
      await stop();
      await apply(driver, setting('a', 'a'));
      await inForce(other).toEqual(namesOf(setting('a', 'a')));
      expect(sets).toHaveLength(1);
    });

    const { crash } = harness;
    if (crash === undefined) return;
    test('is given the same set after a crash', async () => {
      const driver = await opened(harness);
      await apply(driver, setting('a', 'a'), setting('b', 'b'));
      await remove(driver, setting('a', 'a'));
      await inForce(await follow(driver)).toEqual(namesOf(setting('b', 'b')));
      const { sets } = await follow(driver);
      const next = await afterCrash({ crash }, driver);
      expect((await follow(next)).sets).toEqual(sets);
    });
  });
}
