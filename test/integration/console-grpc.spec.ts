import { status, type ClientReadableStream } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { ConsoleStage, type Changes, type Message, type StageOptions } from '../support/console-stage.ts';

const stages: ConsoleStage[] = [];
afterEach(() => Promise.all(stages.splice(0).map((each) => each.close())));

async function stage(options?: StageOptions): Promise<ConsoleStage> {
  const own = await ConsoleStage.start(options);
  stages.push(own);
  return own;
}

/** A console that knows these. */
async function started(...changes: Changes): Promise<ConsoleStage> {
  const own = await stage();
  await own.commit(...changes);
  await own.becomesReady();
  return own;
}

describe('GetBreaker', () => {
  it('gives all that is known of one, with times as Timestamps', async () => {
    const own = await started({ upstream: 'a.test', state: 'open', admit: 0, generation: 4, sinceMs: Date.now(), untilMs: Date.now() + 60_000 });
    const breaker = await own.client().call('GetBreaker', { upstream: 'a.test' });
    expect(breaker).toMatchObject({
      upstream: 'a.test',
      state: 'STATE_OPEN',
      incarnation: 1,
      generation: 4,
      policy: { name: 'p', namespace: 'n', version: '0123456789ab' },
      position: { next_offset: 2 },
    });
    expect(breaker.open_until.seconds - breaker.since.seconds).toBeGreaterThanOrEqual(59);
  });

  it('finds it whatever the letter case', async () => {
    const own = await started({ upstream: 'a.test' });
    expect((await own.client().call('GetBreaker', { upstream: 'A.Test' })).upstream).toBe('a.test');
  });

  it('of an unknown upstream is NOT_FOUND, and the message names it', async () => {
    const own = await started();
    await expect(own.client().call('GetBreaker', { upstream: 'nobody.test' })).rejects.toMatchObject({
      code: status.NOT_FOUND,
      details: 'there is no upstream nobody.test: no policy with circuitBreaking names that host',
    });
  });

  it('of no upstream is INVALID_ARGUMENT, and the message names the field', async () => {
    const own = await started();
    await expect(own.client().call('GetBreaker')).rejects.toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringContaining('upstream: found nothing') });
  });

  it('before the states are known is UNAVAILABLE: "could not read" never looks like "not there"', async () => {
    const own = await stage({ stored: false });
    await expect(own.client().call('GetBreaker', { upstream: 'a.test' })).rejects.toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringContaining('upstream a.test is not known, but the'),
    });
  });
});

describe('ListBreakers', () => {
  const many = Array.from({ length: 25 }, (_, index) => ({ upstream: `u${String(index).padStart(2, '0')}.test` }));

  it('gives all of them in the order of their names, page by page', async () => {
    const own = await started(...many.toReversed());
    const names: string[] = [];
    let token = '';
    let pages = 0;
    do {
      const page = await own.client().call('ListBreakers', { page_size: 10, page_token: token });
      names.push(...page.breakers.map(({ upstream }: Message) => upstream));
      token = page.next_page_token;
      pages += 1;
    } while (token !== '');
    expect(names).toEqual(many.map(({ upstream }) => upstream));
    expect(pages).toBe(3);
  });

  it('gives 100 where no size is asked for', async () => {
    const own = await started(...Array.from({ length: 101 }, (_, index) => ({ upstream: `u${index}.test` })));
    const page = await own.client().call('ListBreakers');
    expect(page.breakers).toHaveLength(100);
    expect(page.next_page_token).not.toBe('');
  });

  it('filters by state', async () => {
    const own = await started({ upstream: 'a.test' }, { upstream: 'b.test', state: 'open', admit: 0 });
    const names = async (state: string) => (await own.client().call('ListBreakers', { state })).breakers.map(({ upstream }: Message) => upstream);
    expect([await names('STATE_OPEN'), await names('STATE_CLOSED'), await names('STATE_UNSPECIFIED')]).toEqual([['b.test'], ['a.test'], ['a.test', 'b.test']]);
  });

  it.each([
    [{ page_size: 1_001 }, 'page_size: found 1001, allowed: 1 to 1000, or 0 for 100'],
    [{ page_token: 'nonsense' }, 'page_token: found one that no page of this question gave'],
    [{ state: 3 }, 'state: found 3, allowed: STATE_UNSPECIFIED, STATE_CLOSED, STATE_OPEN'],
  ])('refuses %j and names the field', async (request, message) => {
    const own = await started();
    await expect(own.client().call('ListBreakers', request)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringContaining(message) });
  });

  it('refuses the page token of another filter', async () => {
    const own = await started(...many);
    const { next_page_token: token } = await own.client().call('ListBreakers', { page_size: 1 });
    await expect(own.client().call('ListBreakers', { page_token: token, state: 'STATE_CLOSED' })).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });
});

describe('ListTransitions', () => {
  it('gives them newest first, of one upstream or of all, page by page', async () => {
    const own = await started({ upstream: 'a.test' }, { upstream: 'b.test' });
    for (const generation of [2, 3, 4]) await own.transition({ upstream: 'a.test', generation });
    await own.transition({ upstream: 'b.test', generation: 9, cause: { kind: 'override', author: 'ann', controlOffset: 5 } });
    const client = own.client();
    const all = await client.call('ListTransitions');
    expect(all.transitions.map(({ generation }: Message) => generation)).toEqual([9, 4, 3, 2]);
    expect(all.transitions[0].cause.override).toEqual({ author: 'ann', control_offset: 5 });
    expect(all.transitions[1]).toMatchObject({ from: 'STATE_CLOSED', to: 'STATE_OPEN', cause: { outcome: { offset: 7, id: 'x/1' } }, window: { total: 10, errors: 10 } });
    const first = await client.call('ListTransitions', { upstream: 'a.test', page_size: 2 });
    const second = await client.call('ListTransitions', { upstream: 'a.test', page_size: 2, page_token: first.next_page_token });
    expect([...first.transitions, ...second.transitions].map(({ generation }) => generation)).toEqual([4, 3, 2]);
    expect(second.next_page_token).toBe('');
  });

  it('of an unknown upstream is NOT_FOUND, and a bad page token INVALID_ARGUMENT', async () => {
    const own = await started();
    await expect(own.client().call('ListTransitions', { upstream: 'nobody.test' })).rejects.toMatchObject({ code: status.NOT_FOUND });
    await expect(own.client().call('ListTransitions', { page_token: 'x' })).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  it('that can not be read is UNAVAILABLE', async () => {
    const own = await stage({ drivers: (store) => ({ ...store, transitions: { append: async () => {}, follow: async () => async () => {}, list: () => Promise.reject(new Error('gone')) } }) });
    await expect(own.client().call('ListTransitions')).rejects.toMatchObject({ code: status.UNAVAILABLE, details: 'the transitions cannot be read right now' });
  });
});

/** What a watch told so far, as "upstream state generation". */
function told(stream: ClientReadableStream<Message>): string[] {
  const seen: string[] = [];
  stream.on('data', ({ upstream, state, generation }: Message) => seen.push(`${upstream} ${state} ${generation}`));
  stream.on('error', ({ code }: { code: number }) => seen.push(status[code] as string));
  return seen;
}

describe('WatchBreakers', () => {
  it('tells first the present state of each in the order of their names, then each change', async () => {
    const own = await started({ upstream: 'b.test', state: 'open', admit: 0, generation: 2 }, { upstream: 'a.test' });
    const seen = told(own.client().watch());
    await expect.poll(() => seen).toEqual(['a.test STATE_CLOSED 1', 'b.test STATE_OPEN 2']);
    await own.commit({ upstream: 'a.test', state: 'open', admit: 0, generation: 2 });
    await own.commit({ upstream: 'c.test' });
    await own.commit({ upstream: 'a.test', generation: 3 });
    await expect.poll(() => seen.slice(2)).toEqual(['a.test STATE_OPEN 2', 'c.test STATE_CLOSED 1', 'a.test STATE_CLOSED 3']);
  });

  it('tells of a lease that runs out though nobody says so (T4)', async () => {
    const own = await started();
    const stream = own.client().watch();
    const seen = told(stream);
    await new Promise((resolve) => stream.once('metadata', resolve));
    await own.commit({ upstream: 'a.test', state: 'open', admit: 0, generation: 2, sinceMs: Date.now(), untilMs: Date.now() + 150 });
    await expect.poll(() => seen).toEqual(['a.test STATE_OPEN 2', 'a.test STATE_CLOSED 3']);
    const breaker = await own.client().call('GetBreaker', { upstream: 'a.test' });
    expect(breaker).toMatchObject({ state: 'STATE_CLOSED', generation: 3, admit: 1 });
  });

  it('does not tell of counts', async () => {
    const own = await started({ upstream: 'a.test' });
    const seen = told(own.client().watch());
    await expect.poll(() => seen).toEqual(['a.test STATE_CLOSED 1']);
    await own.commit({ upstream: 'a.test', window: { startedAtMs: Date.now(), total: 5, errors: 1, slow: 0 } });
    await own.commit({ upstream: 'b.test' });
    await expect.poll(() => seen).toEqual(['a.test STATE_CLOSED 1', 'b.test STATE_CLOSED 1']);
  });

  it('of one upstream tells of that alone, and of an unknown one is NOT_FOUND', async () => {
    const own = await started({ upstream: 'a.test' }, { upstream: 'b.test' });
    const seen = told(own.client().watch({ upstream: 'B.test' }));
    await expect.poll(() => seen).toEqual(['b.test STATE_CLOSED 1']);
    await own.commit({ upstream: 'a.test', generation: 2, state: 'open', admit: 0 }, { upstream: 'b.test', generation: 2, state: 'open', admit: 0 });
    await expect.poll(() => seen.at(-1)).toBe('b.test STATE_OPEN 2');
    expect(seen.some((line) => line.startsWith('a.test'))).toBe(false);
    const nobody = told(own.client().watch({ upstream: 'nobody.test' }));
    await expect.poll(() => nobody).toEqual(['NOT_FOUND']);
  });

  it('is accepted at once, also where there is no breaker to tell of yet', async () => {
    const own = await started();
    const stream = own.client().watch();
    const seen = told(stream);
    await new Promise((resolve) => stream.once('metadata', resolve));
    await own.commit({ upstream: 'a.test' });
    await expect.poll(() => seen).toEqual(['a.test STATE_CLOSED 1']);
  });

  it('that is slow gets the newest state of each, and not everything between', async () => {
    const upstreams = Array.from({ length: 200 }, (_, index) => `host-${index}.${'long-'.repeat(20)}test`);
    const own = await started(...upstreams.map((upstream) => ({ upstream })));
    const stream = own.client().watch();
    let messages = 0;
    const newest = new Map<string, number>();
    stream.on('error', () => {});
    stream.on('data', ({ upstream, generation }: Message) => {
      messages += 1;
      newest.set(upstream, generation);
    });
    await expect.poll(() => newest.size).toBe(upstreams.length);
    stream.pause();
    const rounds = 60;
    for (let round = 1; round <= rounds; round += 1) {
      const open = round % 2 === 1;
      await own.commit(...upstreams.map((upstream) => ({ upstream, generation: round + 1, state: open ? ('open' as const) : ('closed' as const), admit: open ? 0 : 1 })));
      await new Promise(setImmediate);
    }
    stream.resume();
    await expect.poll(() => [...newest.values()].every((generation) => generation === rounds + 1), { timeout: 10_000 }).toBe(true);
    expect(messages).toBeLessThan((upstreams.length * rounds) / 2);
    stream.cancel();
  });

  it('ends with UNAVAILABLE when the console stops, so that its client comes again', async () => {
    const own = await started({ upstream: 'a.test' });
    const seen = told(own.client().watch());
    await expect.poll(() => seen).toEqual(['a.test STATE_CLOSED 1']);
    await own.console.close();
    await expect.poll(() => seen.at(-1)).toBe('UNAVAILABLE');
  });
});
