/** The page before a console in this process, whose processes say what a test has them say. */
import { execFileSync } from 'node:child_process';
import type { Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Heartbeat, Present } from '#engine';
import { accessibilityFaults } from '../support/browser.ts';
import { policy } from '../support/client-stage.ts';
import { ConsoleStage, type StageOptions } from '../support/console-stage.ts';
import { Pages } from '../support/pages.ts';
import { projectRoot } from '../support/project-root.ts';

const COMMON = { host: 'host-1', version: '1.2.3', engine: 4, startedMs: Date.now() - 60_000, missing: [] };
const proxy = (instance: string, calls: number, of: Partial<Heartbeat['proxy']> = {}): Heartbeat => ({
  ...COMMON,
  instance,
  proxy: { stateAgeMs: 1_000, judgedAlone: 0, calls: { upstream: 1_000, degraded: calls }, refused: [{ upstream: 'shop.test', calls }], waiting: 7, ...of },
});
const SILENT: Present = { heartbeat: { ...COMMON, instance: 'ingest-1', ingest: { group: 'ingest', partitions: [{ partition: 0, next: 0 }], commits: { OK: 3 } } }, ageMs: 12_000 };
const PROXIES = [proxy('proxy-a', 30), { ...proxy('proxy-b', 12, { stateAgeMs: 9_000, judgedAlone: 3 }), missing: ['states: not heard of for 9 s'] }].map((heartbeat) => ({ heartbeat, ageMs: 0 }));
const CONSOLE: Present = { heartbeat: { ...COMMON, instance: 'console-1', console: { watchers: 0, readers: 1, followers: 2 } }, ageMs: 0 };

describe('the page of a console of a fleet, for those who have its token', () => {
  let pages: Pages;
  let own: ConsoleStage;
  /** As each says it again and again, whatever age that has. */
  let said: readonly Present[] = [];
  let beating: NodeJS.Timeout;
  let isAway = false;
  beforeAll(async () => {
    execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: projectRoot() });
    pages = await Pages.start();
    const drivers: StageOptions['drivers'] = ({ presence }) => ({
      presence: { beat: (beats) => presence.beat(beats), leave: (one) => presence.leave(one), sweep: () => presence.sweep(), list: () => (isAway ? Promise.reject(new Error('Redis is away')) : presence.list()) },
    });
    own = await ConsoleStage.start({ drivers, env: { FUSEBOARD_CONSOLE_LISTEN: '0.0.0.0:0', FUSEBOARD_TOKEN: 'write-it', FUSEBOARD_READ_TOKEN: 'read-it' } });
    await own.commit({ upstream: 'shop.test', state: 'open', admit: 0, untilMs: Date.now() + 600_000 }, { upstream: 'mail.test' });
    beating = setInterval(() => void own.store.presence.beat(said), 500);
  }, 180_000);
  afterEach(() => pages.closeAll());
  afterAll(async () => {
    clearInterval(beating);
    await Promise.all([own.close(), pages.end()]);
  });

  const shown = async (path: string, token: string): Promise<Page> => {
    const page = await pages.open(own.base + path);
    await page.getByRole('form', { name: 'Token' }).getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Show' }).click();
    return page;
  };

  it('asks for a token, says when it is a wrong one, and keeps the right one until the tab is closed', async () => {
    const page = await pages.open(own.base);
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

  it('shows a wrong token no more often than it must, since all behind one address are counted together', async () => {
    const page = await shown('/', 'wrong');
    await page.getByText('The console does not take this token').waitFor();
    const asked: string[] = [];
    page.on('request', (request) => void (request.url().endsWith('/api/v1/events') && asked.push(request.url())));
    await page.clock.install();
    await page.reload();
    await page.getByText('The console does not take this token').waitFor();
    await page.clock.fastForward(50_000);
    expect(asked).toHaveLength(1);
    await page.clock.fastForward(20_000);
    await expect.poll(() => asked, { timeout: 15_000 }).toHaveLength(2);
  });

  it('says what the console says where it answers with no stream', async () => {
    const page = await pages.open('about:blank');
    await page.route('**/api/v1/events', (route) => route.fulfill({ status: 503, json: { error: { code: 'unavailable', message: 'there are 500 readers of events already' } } }));
    await page.goto(own.base);
    await expect.poll(() => page.getByRole('alert').innerText(), { timeout: 15_000 }).toBe('Not connected: there are 500 readers of events already. Trying again by itself.');
  });

  it('keeps all that one console told, though another was cut off while it told it anew', async () => {
    const page = await pages.open('about:blank');
    const [a, b] = ['a.test', 'b.test'].map((upstream) => ({ upstream, state: 'closed', admit: 1, incarnation: 1, generation: 1, since: new Date().toISOString(), window: { total: 0, errors: 0, slow: 0 }, position: { partition: 0, next_offset: 1 } }));
    const hello = (resumed: boolean): string => `event: hello\ndata: ${JSON.stringify({ resumed, may_write: false, sample_ms: 2_000, now: new Date().toISOString(), upstreams: 2 })}\n\n`;
    const breakers = (...told: unknown[]): string => `event: breakers\ndata: ${JSON.stringify(told)}\n\n`;
    const loaded = 'id: 1\nevent: loaded\ndata: {}\n\n';
    const streams = [hello(false) + breakers(a, b) + loaded, hello(false) + breakers(a), hello(true) + loaded];
    let begun = 0;
    await page.route('**/api/v1/events', (route) => route.fulfill({ contentType: 'text/event-stream', body: streams[begun++] ?? '' }));
    await page.goto(own.base);
    await expect.poll(() => begun, { timeout: 15_000 }).toBeGreaterThan(streams.length);
    expect(await page.getByRole('listitem').allInnerTexts()).toEqual([expect.stringContaining('a.test'), expect.stringContaining('b.test')]);
  });

  it('reads again who reported while somebody looks, and what could not be read as soon as it can be', async () => {
    const page = await shown('/upstreams/mail.test', 'read-it');
    await page.getByText('Nobody reported anything in the last 2 min.').waitFor();
    await page.clock.install();
    await page.reload();
    await page.getByText('Nobody reported anything in the last 2 min.').waitFor();
    const report = (reporter: string): Promise<unknown> => own.store.outcomes.append([{ upstream: 'mail.test', atMs: Date.now(), reporter, id: reporter, count: 1, result: { kind: 'ok' } }]);
    // As time goes by: what is on its way when it does is asked again the next time.
    const comes = (what: Locator) => expect.poll(async () => (await page.clock.fastForward(30_000), await what.count()), { timeout: 15_000, interval: 500 }).toBeGreaterThan(0);
    await report('proxy-a');
    await comes(page.getByRole('row', { name: /^proxy-a 1 0 / }));
    await page.route('**/outcomes?*', (route) => route.fulfill({ status: 503, json: { error: { code: 'unavailable', message: 'the outcomes cannot be read right now' } } }));
    await comes(page.getByText("This can't be shown: the outcomes cannot be read right now."));
    await page.unroute('**/outcomes?*');
    await report('proxy-b');
    await comes(page.getByRole('row', { name: /^proxy-b 1 0 / }));
    expect(await page.getByText("This can't be shown").count()).toBe(0);
  });

  it('tells who may only read so, and who may write has the buttons', async () => {
    const page = await shown('/upstreams/mail.test', 'read-it');
    await page.getByText('You may look, and not change anything: that needs the write role.').waitFor();
    expect([await page.getByRole('button', { name: /Hold|Let go/ }).count(), await accessibilityFaults(page)]).toEqual([0, []]);
    const writer = await shown('/upstreams/mail.test', 'write-it');
    await writer.getByRole('button', { name: 'Hold open…' }).waitFor();
  });

  it('says of what was done by hand what is known of it: nothing, or that it is not in force where nobody folds', async () => {
    await own.store.control.append([{ author: 'ann', reason: 'to be held', source: 'api', change: { kind: 'apply', document: policy('mail.test') } }]);
    const page = await shown('/upstreams/mail.test', 'write-it');
    const hold = page.getByRole('button', { name: 'Hold open…' });
    await hold.click();
    await page.getByLabel('Your name').fill('ann');
    await page.getByLabel('Reason').fill('a drill');
    await page.route('**/override', (route) => route.abort());
    await page.getByRole('button', { name: 'Refuse all calls' }).click();
    await page.getByRole('alert').getByText('Look whether it was done before you repeat it: the console does not answer').waitFor();
    await page.unroute('**/override');
    await page.getByRole('button', { name: 'Refuse all calls' }).click();
    await page.getByRole('alert').getByText('It is written, and not in force yet: is an ingest running?').waitFor();
    expect([await page.getByRole('button', { name: 'Refuse all calls' }).isDisabled(), await accessibilityFaults(page)]).toEqual([true, []]);
    await page.getByRole('button', { name: 'Close', exact: true }).click();
    // Asked for again, it begins anew.
    await hold.click();
    expect([await page.getByLabel('Reason').inputValue(), await page.getByText('It is written').count()]).toEqual(['', 0]);
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

  it('made no script fail and nothing that its policy refuses', () => {
    expect(pages.complaints).toEqual([]);
  });
});
