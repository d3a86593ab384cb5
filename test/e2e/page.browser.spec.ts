import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Heartbeat, Present } from '#engine';
import { accessibilityFaults } from '../support/browser.ts';
import { ConsoleStage, type StageOptions } from '../support/console-stage.ts';
import { PageStage } from './page-stage.ts';

const COMMON = { host: 'host-1', version: '1.2.3', engine: 4, startedMs: Date.now() - 60_000, missing: [] };
const proxy = (instance: string, calls: number, of: Partial<Heartbeat['proxy']> = {}): Heartbeat => ({
  ...COMMON,
  instance,
  proxy: { stateAgeMs: 1_000, judgedAlone: 0, calls: { upstream: 1_000, degraded: calls }, refused: [{ upstream: 'shop.test', calls }], waiting: 7, ...of },
});
const SILENT: Present = { heartbeat: { ...COMMON, instance: 'ingest-1', ingest: { group: 'ingest', partitions: [{ partition: 0, next: 0 }], commits: { OK: 3 } } }, ageMs: 12_000 };
const PROXIES = [proxy('proxy-a', 30), { ...proxy('proxy-b', 12, { stateAgeMs: 9_000, judgedAlone: 3 }), missing: ['states: not heard of for 9 s'] }].map((heartbeat) => ({ heartbeat, ageMs: 0 }));
const CONSOLE: Present = { heartbeat: { ...COMMON, instance: 'console-1', console: { watchers: 0, readers: 1, followers: 2 } }, ageMs: 0 };

let stage: PageStage;
beforeAll(async () => {
  stage = await PageStage.start();
}, 200_000);
afterEach(() => stage.closePages());
afterAll(() => stage.close());

describe('the page, in a browser', () => {
  it('shows a trip as it happens: what is open, why, since when, until when; and that it is over', async () => {
    const page = await stage.open('/');
    await page.getByText('All 3 upstreams are closed').waitFor();
    await stage.trip('shop.test');
    await page.getByRole('heading', { name: '1 upstream of 3 is open' }).waitFor();
    const row = page.getByRole('listitem').first();
    await row.getByText('5 errors of 5 calls reached errorAmountThreshold 5').waitFor();
    const text = await row.innerText();
    expect(text).toMatch(/^Open\nshop\.test\n/);
    expect(text).toMatch(/100% errors[\s\S]*closes in [1-5] s[\s\S]*since \d\d:\d\d:\d\d/);
    expect(await page.title()).toBe('(1 open) Fuseboard');
    await page.getByText('All 3 upstreams are closed').waitFor();
  });

  it('explains a trip: the last minutes, the evidence, the outcome that did it, who reported', async () => {
    await stage.call('search.test', 200);
    await stage.trip('search.test');
    const page = await stage.open('/upstreams/SEARCH.test');
    await page.getByText('Its window had 6 calls').waitFor();
    await page.getByRole('button', { name: 'Read it' }).first().click();
    await page.getByText(/partition 0, offset \d+ .*: status 503 after [\d.]+ ms, reported by/).waitFor();
    await page.getByRole('img', { name: 'In 2 min: 6 calls, 5 errors, 0 slow' }).waitFor();
    expect(await page.getByRole('row').nth(1).innerText()).toMatch(/\t6\t5 \(83%\)\t0 \(0%\)\t/);
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByText('Calls go through.').waitFor();
    await stage.call('search.test', 200);
    await page.getByText(/^1 call since/).waitFor();
    await page.getByRole('img', { name: 'In 2 min: 7 calls, 5 errors, 0 slow' }).waitFor();
  });

  it('finds by word and by state, keeps both in the address, and says so when there is nothing', async () => {
    const page = await stage.open('/?q=mail');
    await page.getByText('mail.test').waitFor();
    expect(await page.getByRole('listitem').count()).toBe(1);
    await page.keyboard.press('Escape');
    await page.keyboard.press('/');
    await page.keyboard.type('nobody');
    await page.getByText('No upstream has “nobody” in its name').waitFor();
    expect(page.url()).toBe(stage.url('/?q=nobody'));
    await page.getByRole('button', { name: 'Show all' }).click();
    await page.getByText('search.test').waitFor();
    await page.getByRole('button', { name: /^Near/ }).click();
    await page.getByText('Nothing is near a threshold.').waitFor();
  });

  it('goes by keys from row to row', async () => {
    const page = await stage.open('/');
    await page.getByText('shop.test').waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('j');
    expect(await page.locator(':focus').innerText()).toContain('search.test');
    await page.keyboard.press('End');
    expect(await page.locator(':focus').innerText()).toContain('shop.test');
  });

  it('has nothing that axe finds wrong, light or dark', async () => {
    const page = await stage.open('/');
    await stage.trip('mail.test');
    await page.getByRole('heading', { name: /open/ }).waitFor();
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await accessibilityFaults(page)).toEqual([]);
    }
  });

  it('holds open and lets go by hand, with a reason and an end, and says who did it and what the policy is', async () => {
    const page = await stage.open('/upstreams/mail.test');
    await page.getByRole('button', { name: 'Hold open…' }).click();
    await page.getByLabel('For').selectOption('5m');
    await page.getByLabel('Your name').fill('ann');
    await page.getByLabel('Reason').fill('it sends twice');
    // What comes in meanwhile leaves what was written alone.
    await stage.trip('mail.test');
    await page.getByText(/^5 errors of \d+ calls reached/).first().waitFor();
    expect([await page.getByLabel('Your name').inputValue(), await page.getByLabel('Reason').inputValue(), await page.getByLabel('For').inputValue()]).toEqual(['ann', 'it sends twice', '5m']);
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByRole('button', { name: 'Refuse all calls' }).click();
    await page.getByText('Held open by ann: it sends twice').first().waitFor();
    await page.getByText(/^closes in (4 min|5 min)/).waitFor();
    expect(await stage.call('mail.test', 200)).toBe(409);
    await page.getByText(/^[1-9]\d* calls? (was|were) refused in the last minute, at 1 proxy\.$/).waitFor();
    await page.getByText('As it was written').click();
    await page.getByText('errorAmountThreshold: 5').waitFor();
    await page.getByText('This version').click();
    await page.locator('.changes pre', { hasText: 'errorAmountThreshold: 5' }).waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByRole('button', { name: 'Let go…' }).click();
    await page.getByLabel('Reason').fill('it was mended');
    await page.getByRole('button', { name: 'Let its policy decide' }).click();
    await page.getByText('Calls go through.').waitFor();
    await page.getByText(/^Let go .* by ann: it was mended/).waitFor();
    expect(await stage.call('mail.test', 200)).toBe(200);
  });

  it('holds closed by hand what would trip, and says so', async () => {
    const page = await stage.open('/upstreams/search.test');
    await page.getByRole('button', { name: 'Hold closed…' }).click();
    await page.getByRole('heading', { name: 'Hold closed: search.test' }).waitFor();
    await page.getByText('Every call goes through, and nothing can trip it.').waitFor();
    await page.getByLabel('Your name').fill('bob');
    await page.getByLabel('Reason').fill('its errors are known');
    await page.getByLabel('For').selectOption('');
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByRole('button', { name: 'Let all calls through' }).click();
    await page.getByText('Held closed by bob: its errors are known').first().waitFor();
    await page.getByText('until cleared by hand').waitFor();
    await stage.trip('search.test');
    expect(await stage.call('search.test', 200)).toBe(200);
    await page.goto(stage.url('/?show=held'));
    await page.getByRole('listitem').getByText('held closed by bob: its errors are known').waitFor();
    await page.goto(stage.url('/upstreams/search.test'));
    await page.getByRole('button', { name: 'Let go…' }).click();
    await page.getByLabel('Reason').fill('they were mended');
    await page.getByRole('button', { name: 'Let its policy decide' }).click();
    await page.getByText('Calls go through.').waitFor();
  });

  it('shows how far each partition was folded and by whom, how far its log goes, and how each process is', async () => {
    await stage.call('mail.test', 200);
    const page = await stage.open('/fleet');
    await page.getByRole('heading', { name: 'The one partition is folded as fast as outcomes come' }).waitFor();
    await page.getByRole('row', { name: /^0 as it should be \S+ 3 (\d+) \1 0 / }).waitFor();
    await page.getByText('1 ingest, 1 proxy, 1 console: all are as they should be.').waitFor();
    // What a process says is a few seconds old.
    const row = (of: string) => expect.poll(() => page.getByRole('region', { name: `Table of ${of}` }).getByRole('row').nth(1).innerText(), { timeout: 15_000 });
    await row('ingests').toMatch(/as it should be\t0 \(1 partition\)\t\d\tOK [1-9]\d*/);
    await row('proxies').toMatch(/as it should be\t[0-4] s\t0\t[1-9]\d*\tforwarded [1-9]\d*/);
    await row('consoles').toMatch(/as it should be\t[1-9]/);
    expect(await accessibilityFaults(page)).toEqual([]);
  });

  it('fits a phone: nothing is cut off to the right', async () => {
    const page = await stage.open('/', { viewport: { width: 360, height: 740 } });
    for (const path of ['/', '/fleet', '/upstreams/shop.test']) {
      await page.goto(stage.url(path));
      await page.getByRole('status').getByText('Live').waitFor();
      await page.getByText(/shop\.test|Partitions/).first().waitFor();
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    }
  });

  it('says that it is cut off and how old what it shows is, and is right again when the console is back', async () => {
    const page = await stage.open('/');
    await page.getByRole('status').getByText('Live').waitFor();
    await stage.product.kill();
    await page.getByRole('alert').getByText(/What you see is \d+ s old/).waitFor();
    await page.getByText('shop.test').waitFor();
    await stage.startAgain();
    await page.getByRole('status').getByText('Live').waitFor();
    await stage.trip('search.test');
    await page.getByRole('heading', { name: '1 upstream of 3 is open' }).waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  describe('before a console of a fleet, for those who have its token', () => {
    let own: ConsoleStage;
    /** As each says it again and again, whatever age that has. */
    let said: readonly Present[] = [];
    let beating: NodeJS.Timeout;
    let isAway = false;
    beforeAll(async () => {
      const drivers: StageOptions['drivers'] = ({ presence }) => ({
        presence: { beat: (beats) => presence.beat(beats), leave: (one) => presence.leave(one), sweep: () => presence.sweep(), list: () => (isAway ? Promise.reject(new Error('Redis is away')) : presence.list()) },
      });
      own = await ConsoleStage.start({ drivers, env: { FUSEBOARD_CONSOLE_LISTEN: '0.0.0.0:0', FUSEBOARD_TOKEN: 'write-it', FUSEBOARD_READ_TOKEN: 'read-it' } });
      await own.commit({ upstream: 'shop.test', state: 'open', admit: 0, untilMs: Date.now() + 600_000 }, { upstream: 'mail.test' });
      beating = setInterval(() => void own.store.presence.beat(said), 500);
    });
    afterAll(async () => {
      clearInterval(beating);
      await own.close();
    });

    const shown = async (path: string, token: string): Promise<Page> => {
      const page = await stage.open(own.base + path);
      await page.getByRole('form', { name: 'Token' }).getByLabel('Token').fill(token);
      await page.getByRole('button', { name: 'Show' }).click();
      return page;
    };

    it('asks for a token, says when it is a wrong one, and keeps the right one until the tab is closed', async () => {
      const page = await stage.open(own.base);
      await page.getByText('This console shows itself to those who have its token.').waitFor();
      expect(await accessibilityFaults(page)).toEqual([]);
      await page.getByRole('form', { name: 'Token' }).getByLabel('Token').fill('wrong');
      await page.getByRole('button', { name: 'Show' }).click();
      await page.getByText('The console does not take this token: the bearer token is not the one that is configured.').waitFor();
      await page.getByRole('form', { name: 'Token' }).getByLabel('Token').fill('read-it');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: '1 upstream of 2 is open' }).waitFor();
      await page.reload();
      await page.getByRole('heading', { name: '1 upstream of 2 is open' }).waitFor();
      expect([await page.getByRole('form', { name: 'Token' }).getByLabel('Token').count(), await page.evaluate('document.cookie + localStorage.length')]).toEqual([0, '0']);
    });

    it('tells who may only read so, and who may write has the buttons', async () => {
      const page = await shown('/upstreams/mail.test', 'read-it');
      await page.getByText('You may look, and not change anything: that needs the write role.').waitFor();
      expect([await page.getByRole('button', { name: /Hold|Let go/ }).count(), await accessibilityFaults(page)]).toEqual([0, []]);
      const writer = await shown('/upstreams/mail.test', 'write-it');
      await writer.getByRole('button', { name: 'Hold open…' }).waitFor();
    });

    it('shows a partition that nobody folds, who is silent or lacks something, and whose callers are refused', async () => {
      said = [SILENT, ...PROXIES, CONSOLE];
      const page = await shown('/fleet', 'read-it');
      await page.getByRole('heading', { name: 'No ingest folds partition 0: nothing opens or closes there' }).waitFor();
      await page.getByRole('row', { name: /^0 ▲ no ingest folds it nobody / }).waitFor();
      await page.getByText('1 ingest, 2 proxies, 1 console: ▲ 1 not heard of, 1 lacks something.').waitFor();
      await page.getByRole('row', { name: /^ingest-1 .*▲ not heard for 1\d s/ }).waitFor();
      const proxies = page.getByRole('region', { name: 'Table of proxies' }).getByRole('row');
      expect(await proxies.nth(1).innerText()).toMatch(/^proxy-b[\s\S]*▲ states: not heard of for 9 s\t▲ 9 s\t▲ 3\t/);
      expect(await proxies.nth(2).innerText()).toMatch(/^proxy-a[\s\S]*as it should be\t1 s\t0\t1,030\tforwarded 1,000, refused by state 30\t7\t/);
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        expect(await accessibilityFaults(page)).toEqual([]);
      }
      await page.getByPlaceholder('Name, host, version or role').fill('proxy-a');
      await page.getByText('No ingest was heard of.').waitFor();
      expect([await proxies.count(), page.url()]).toEqual([2, `${own.base}/fleet?q=proxy-a`]);
      await page.getByRole('link', { name: 'Upstreams' }).click();
      await page.getByRole('listitem').first().getByText('42 refused/min at 2 proxies').waitFor();
      await page.getByRole('listitem').first().getByRole('link').click();
      await page.getByRole('row', { name: /^proxy-a 0 0 0 30 –$/ }).waitFor();
      await page.getByText('42 calls were refused in the last minute, at 2 proxies.').waitFor();
      // Every place says it once it has lasted.
      await page.getByRole('alert').getByText('No ingest folds partition 0: nothing opens or closes there.').waitFor();
    });

    it('hears of an ingest that comes, forgets one that left, and says so when it hears nothing', async () => {
      const page = await shown('/fleet', 'read-it');
      await page.getByRole('heading', { name: 'No ingest folds partition 0' }).waitFor();
      said = [{ heartbeat: { ...SILENT.heartbeat, instance: 'ingest-2' }, ageMs: 0 }];
      await own.store.presence.leave(SILENT.heartbeat);
      await page.getByRole('heading', { name: 'The one partition is folded as fast as outcomes come' }).waitFor();
      await page.getByRole('row', { name: /^0 as it should be ingest-2 / }).waitFor();
      expect(await page.getByText('ingest-1').count()).toBe(0);
      isAway = true;
      await page.getByRole('alert').getByText(/^The processes can’t be read right now: Redis is away\. What you see of them is \d+ s old\.$/).waitFor();
      await page.getByRole('row', { name: /^0 as it should be ingest-2 / }).waitFor();
    });
  });

  it('made no script fail and nothing that its policy refuses', () => {
    expect(stage.complaints).toEqual([]);
  });
});
