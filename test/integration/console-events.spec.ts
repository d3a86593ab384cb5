import { afterEach, describe, expect, it } from 'vitest';
import { ConsoleStage, type StageOptions } from '../support/console-stage.ts';
import { EventReader } from '../support/event-reader.ts';

const stages: ConsoleStage[] = [];
const readers: EventReader[] = [];
afterEach(async () => {
  for (const reader of readers.splice(0)) reader.end();
  await Promise.all(stages.splice(0).map((each) => each.close()));
});

async function stage(options?: StageOptions): Promise<ConsoleStage> {
  const own = await ConsoleStage.start(options);
  stages.push(own);
  return own;
}

function reading(own: ConsoleStage, lastId?: string): EventReader {
  const reader = new EventReader(own.base, lastId);
  readers.push(reader);
  return reader;
}

const names = (told: readonly Record<string, unknown>[]): unknown[] => told.map(({ upstream }) => upstream);

describe('/api/v1/events', () => {
  it('tells what is there, the open ones first and why they are, then each change at once', async () => {
    const own = await stage();
    await own.transition({ upstream: 'z.test', generation: 2 });
    await own.commit({ upstream: 'a.test' }, { upstream: 'b.test' }, { upstream: 'z.test', state: 'open', admit: 0, generation: 2, untilMs: Date.now() + 60_000, sinceMs: Date.now() });
    await own.becomesReady();
    const reader = reading(own);
    await reader.loaded();
    expect(names(reader.told('breakers')).slice(0, 3)).toEqual(['z.test', 'a.test', 'b.test']);
    await reader.until('the reason', ({ events }) => (events.some(({ data }) => data.includes('"reason":"10 errors of 10 calls reached errorAmountThreshold 10"')) ? true : undefined));
    await own.commit({ upstream: 'b.test', state: 'open', admit: 0, generation: 2, sinceMs: Date.now(), untilMs: Date.now() + 60_000 });
    await reader.until('the change', () => (reader.told('breakers').some(({ upstream, state }) => upstream === 'b.test' && state === 'open') ? true : undefined));
  });

  it('tells counts that changed, and each second how old what it knows is', async () => {
    const own = await stage();
    await own.commit({ upstream: 'a.test' });
    await own.becomesReady();
    const reader = reading(own);
    await reader.loaded();
    await own.commit({ upstream: 'a.test', window: { startedAtMs: 1_790_000_000_000, total: 7, errors: 2, slow: 1 } });
    await reader.until('the counts', () => (reader.events.some(({ event, data }) => event === 'counts' && data === '[["a.test",7,2,1,1790000000000]]') ? true : undefined));
    const pulse = await reader.until('a pulse of the commit', () => reader.told('pulse').find(({ partitions }) => (partitions as { next_offset: number }[])[0]?.next_offset === 3));
    expect(pulse).toMatchObject({ now: expect.stringMatching(/^20/), partitions: [{ partition: 0, age_ms: expect.any(Number) as number, incarnation: 1 }] });
  });

  it('goes on where a reader left off, and begins anew for one that left off at another console', async () => {
    const own = await stage();
    await own.commit({ upstream: 'a.test' }, { upstream: 'b.test' }, { upstream: 'c.test' });
    await own.becomesReady();
    const first = reading(own);
    await first.loaded();
    first.end();
    await own.commit({ upstream: 'b.test', window: { startedAtMs: 1_790_000_000_000, total: 1, errors: 0, slow: 0 } });
    const second = reading(own, first.lastId);
    await second.loaded();
    expect([second.told('hello')[0]?.['resumed'], names(second.told('breakers'))]).toEqual([true, ['b.test']]);
    const stranger = reading(own, first.lastId?.replace(/^./, (digit) => (digit === '0' ? '1' : '0')));
    await stranger.loaded();
    expect([stranger.told('hello')[0]?.['resumed'], names(stranger.told('breakers'))]).toEqual([false, ['a.test', 'b.test', 'c.test']]);
  });

  it('says of no event that all up to it was told while counts wait for their second', async () => {
    const own = await stage();
    await own.commit({ upstream: 'a.test' }, { upstream: 'b.test' }, { upstream: 'c.test' });
    await own.becomesReady();
    const first = reading(own);
    await first.loaded();
    const since = first.events.length;
    await own.commit({ upstream: 'b.test', window: { startedAtMs: 1_790_000_000_000, total: 1, errors: 0, slow: 0 } }, { upstream: 'a.test', generation: 2 });
    const change = await first.until('the change, with an id', ({ events }) => events.slice(since).find(({ event, id }) => event === 'breakers' && id !== undefined));
    const second = reading(own, change.id);
    await second.loaded();
    expect([second.told('hello')[0]?.['resumed'], names(second.told('breakers'))]).toEqual([true, expect.arrayContaining(['b.test'])]);
  });

  it('says what is not known yet, and tells it when it is', async () => {
    const own = await stage({ stored: false });
    const reader = reading(own);
    const [pulse] = await reader.until('a pulse', () => (reader.told('pulse').length > 0 ? reader.told('pulse') : undefined));
    expect(pulse).toMatchObject({ incomplete: 'the store has no states of partition 0 yet' });
    await own.commit({ upstream: 'a.test' });
    await reader.until('the breaker', () => (names(reader.told('breakers')).includes('a.test') ? true : undefined));
    await reader.until('a pulse without it', () => (reader.told('pulse').at(-1)?.['incomplete'] === undefined ? true : undefined));
  });

  it.each([['events', 500], ['fleet/events', 100]])('%s has %d readers at once, and the next is told so', async (path, readersMax) => {
    const own = await stage();
    // Each is held until the end: what nobody holds is let go of, and its place is free.
    const answers = await Promise.all(Array.from({ length: readersMax }, () => own.get(`/api/v1/${path}`)));
    const refused = await own.get(`/api/v1/${path}`);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(readersMax);
    expect(refused.status).toBe(503);
    expect(await refused.json()).toEqual({ error: { code: 'unavailable', message: expect.stringContaining(`there are ${readersMax} readers of `) as string } });
  });

  it('ends when the console stops, so that readers go to another', async () => {
    const own = await stage();
    await own.becomesReady();
    const reader = reading(own);
    await reader.loaded();
    await own.console.close();
    await reader.ended;
    expect(reader.events.length).toBeGreaterThan(0);
  });
});
