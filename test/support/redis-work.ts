/** All that an app asks of Redis, for a test that gives it less than it needs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { commit, entry, ids, setting } from '../contract/samples.ts';
import { eventually } from './eventually.ts';
import type { RedisStage } from './redis-stage.ts';

const IDS_MAX = 65_536;
/** So that every connection has pinged since, ms. */
const TWO_PINGS_MS = 2_100;

/** As ingest and `fuseboard rebuild` do, up to so many ids; permissions are looked at before what there is. */
export async function writeAll(stage: RedisStage, idsMax = IDS_MAX): Promise<void> {
  const { states, documentStore } = stage;
  await stage.prepare();
  await states.claim(0, 'ingest');
  await states.read(0);
  await states.commit(commit(null, 4, { ids: ids(0, 4), outbox: [entry(3)], restoringTo: 9 }));
  await states.commit(commit(4, 9, { rewrite: true, ids: ids(0, idsMax) }));
  await states.commit(commit(9, 10, { ids: ids(idsMax, idsMax + 264) }));
  await states.published(0, [entry(3)]);
  await documentStore.publish({ control: 0, identity: 'log', documents: [setting('a', 'a')] });
  await documentStore.publish({ control: 1, identity: 'log', documents: [setting('b', 'b')] });
}

/** As every process does: states and documents are followed, and connections looked after. */
export async function readAll(stage: RedisStage): Promise<void> {
  await stage.prepare();
  const stops = [await stage.stateFeed.follow(() => {}), await stage.documentFeed.follow(() => {})];
  await sleep(TWO_PINGS_MS);
  await Promise.all(stops.map((stop) => stop()));
}

/** Everything that was said of what went wrong, once something of permissions was, or all was done; a busy Redis is asked again. */
export async function troublesOf(stage: RedisStage, work: () => Promise<void>): Promise<string> {
  let failure = '';
  let isDone = false;
  const all = (): string[] => [failure, ...stage.reach, ...stage.errors].filter((said) => said !== '' && said !== 'reached');
  const isRefused = (): boolean => all().some((said) => said.includes('ACL') || said.includes('NOPERM'));
  const working = async (): Promise<void> => {
    while (!isDone && !isRefused()) {
      try {
        await work();
        isDone = true;
      } catch (error) {
        failure = (error as Error).message;
      }
    }
  };
  void working();
  await eventually(() => (isDone || isRefused() ? true : undefined), { what: 'the work to end' });
  return isDone && !isRefused() ? '' : all().join('\n');
}
