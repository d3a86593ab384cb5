import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { DocumentSet } from '#engine';
import { readDocument } from '#wire';
import { openDataDirectory } from './data-directory.ts';
import { ControlTable } from './control-table.ts';
import { Database } from './database.ts';
import { EmbeddedDocumentFeed } from './document-feed.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** One that can't be read now and then. */
class FlakyControlTable extends ControlTable {
  failures = 0;

  override readNow(from: number) {
    if (this.failures-- > 0) throw new Error('disk I/O error');
    return super.readNow(from);
  }
}

test('documents that could not be read when they came are told once they can be, with no other news', async () => {
  const directory = openDataDirectory(':memory:');
  const errors: string[] = [];
  const onError = (_: unknown, doing: string): void => void errors.push(doing);
  const control = new FlakyControlTable(new Database(directory.sqlite), { now: Date.now, onError });
  const feed = new EmbeddedDocumentFeed(control, onError);
  const told: DocumentSet[] = [];
  await feed.follow((set) => void told.push(set));
  control.failures = 2;
  const read = readDocument({ apiVersion: 'fuseboard.dev/v1', kind: 'Upstream', metadata: { name: 'a', namespace: 'n' }, spec: { host: 'a.local' } });
  if (!('document' in read)) throw new Error(JSON.stringify(read));
  await control.append([{ author: 'test', reason: 'test', source: 'api', change: { kind: 'apply', document: read.document } }]);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(errors).toEqual(['reading the control log', 'reading the control log']);
  expect(told.map((set) => set.documents.length)).toEqual([0, 1]);
  feed.close();
  directory.release();
});
