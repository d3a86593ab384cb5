import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { accessibilityFaults } from '../support/browser.ts';
import { PageStage } from './page-stage.ts';

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
    await page.keyboard.press('Escape');
    await page.getByText('search.test').waitFor();
    expect(page.url()).toBe(stage.url('/'));
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

  it('made no script fail and nothing that its policy refuses', () => {
    expect(stage.complaints).toEqual([]);
  });
});
