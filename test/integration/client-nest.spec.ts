/** `@Guarded` in an application of Nest's, over HTTP; its states come from a console, its outcomes go into the test's hands. */
import 'reflect-metadata';
import { Controller, Get, HttpException, Inject, Injectable, Module, Param, type ArgumentsHost } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { firstValueFrom, lastValueFrom, of, range, tap, throwError, type Observable } from 'rxjs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Fuseboard, UpstreamOpen, type FuseboardOptions, type OutcomeMessage } from '#client';
import { FuseboardModule, Guarded, UpstreamOpenException } from '#client/nest';
import { formatAddress } from '#runtime';
import { DegradedAnswerFilter } from '../../libs/client/src/nest/degraded-answer.filter.ts';
import { handFedConsole, policy } from '../support/client-stage.ts';
import { snapshot } from '../support/console-stage.ts';

@Injectable()
class Payments {
  made = 0;

  @Guarded('pay.test')
  async pay(order: string): Promise<string> {
    this.made++;
    if (order === 'broken') throw Object.assign(new Error('no'), { code: 'ECONNRESET' });
    return `paid ${order}`;
  }

  @Guarded('pay.test')
  rates(order: string): Observable<string> {
    this.made++;
    return order === 'broken' ? throwError(() => Object.assign(new Error('no'), { status: 503 })) : of(`rate of ${order}`, 'and more');
  }

  /** All at once to whoever subscribes. */
  @Guarded('pay.test')
  ticks(): Observable<number> {
    return range(1, 1_000).pipe(tap((tick) => void (this.made = tick)));
  }

  @Guarded('pay.test', { classify: () => ({ status: 502 }) })
  plain(order: string): string {
    this.made++;
    return `plain ${order}`;
  }

  @Guarded((order: string) => `${order}.test`, { fallback: 'cached' })
  cheap(order: string): Promise<string> {
    this.made++;
    return Promise.resolve(`fresh ${order}`);
  }

  cached(open: UpstreamOpen, order: string): string {
    return `cached ${order}, ${open.upstream} is ${open.state}, ${this.made} made`;
  }
}

@Controller()
class Shop {
  readonly payments: Payments;

  constructor(@Inject(Payments) payments: Payments) {
    this.payments = payments;
  }

  @Get('pay/:order')
  pay(@Param('order') order: string): Promise<string> {
    return this.payments.pay(order);
  }

  @Get('below/:order')
  @Guarded('pay.test')
  below(@Param('order') order: string): string {
    return `below ${order}`;
  }

  @Guarded('pay.test')
  @Get('above/:order')
  above(@Param('order') order: string): string {
    return `above ${order}`;
  }
}

/** A shop whose `pay.test` is closed, to be opened. */
async function stage({ isAsync = false } = {}) {
  const { hands, console: { grpcAddress } } = await handFedConsole();
  let next = 0;
  const tell = (state: object): void => {
    next++;
    hands.states({ partition: 0, meta: { incarnation: 1, next, clockMs: 1, control: 1, sequence: next }, snapshots: [snapshot({ upstream: 'pay.test', next, generation: next, ...state })] });
  };
  hands.documents({ control: 1, documents: [policy('pay.test', { content: 'closed for now' })] });
  tell({});
  const sent: OutcomeMessage[] = [];
  const options = { consoles: formatAddress(grpcAddress), partitions: 1, topicPrefix: '', send: async (messages: readonly OutcomeMessage[]) => void sent.push(...messages) };
  @Module({ providers: [{ provide: 'options', useValue: options }], exports: ['options'] })
  class OptionsModule {}
  const later = FuseboardModule.forRootAsync({ imports: [OptionsModule], inject: ['options'], useFactory: async (given: FuseboardOptions) => await Promise.resolve(given) });
  @Module({ imports: [isAsync ? later : FuseboardModule.forRoot(options)], controllers: [Shop], providers: [Payments] })
  class ShopModule {}
  const app = await NestFactory.create(ShopModule, { logger: false, abortOnError: false });
  onTestFinished(() => app.close());
  await app.listen(0, '127.0.0.1');
  const [fuseboard, payments] = [app.get(Fuseboard), app.get(Payments)];
  await fuseboard.ready();
  const become = async (kind: 'admit' | 'refuse'): Promise<void> => {
    const nowMs = Date.now();
    tell(kind === 'refuse' ? { state: 'open', admit: 0, sinceMs: nowMs, untilMs: nowMs + 600_000 } : {});
    await expect.poll(() => fuseboard.decide('pay.test').kind).toBe(kind);
  };
  const outcomes = async (): Promise<Record<string, unknown>[]> => {
    await fuseboard.flush();
    return sent.map(({ value }) => JSON.parse(value) as Record<string, unknown>);
  };
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  return { app, payments, sent, become, outcomes, get: (path: string) => fetch(`${url}/${path}`) };
}

describe('a guarded method', () => {
  it('gives what it gives, be it a promise, an Observable or a value, and each call is one outcome', async () => {
    const { payments, outcomes } = await stage();
    expect(await payments.pay('1')).toBe('paid 1');
    await expect(payments.pay('broken')).rejects.toThrow('no');
    expect(await lastValueFrom(payments.rates('2'))).toBe('and more');
    await expect(firstValueFrom(payments.rates('broken'))).rejects.toThrow('no');
    expect(payments.plain('3')).toBe('plain 3');
    const kept = payments.rates('4');
    await Promise.all([firstValueFrom(kept), firstValueFrom(kept)]);
    expect(await payments.cheap('other')).toBe('fresh other');
    const told = await outcomes();
    expect(told.map(({ ok, failure, status }) => ok ?? failure ?? status)).toEqual([true, 'reset', true, 503, 502, true, true, true]);
    expect(told.at(-1)?.['upstream']).toBe('other.test');
    expect(told[0]).toMatchObject({ upstream: 'pay.test', incarnation: 1, generation: 1 });
  });

  it('that tells much at once is left as soon as its caller has enough', async () => {
    const { payments, outcomes } = await stage();
    expect(await firstValueFrom(payments.ticks())).toBe(1);
    expect(payments.made).toBe(1);
    expect(await outcomes()).toMatchObject([{ ok: true }]);
  });

  it('is not called while its breaker is open, and gives the refusal as it gives results', async () => {
    const { payments, become, outcomes } = await stage();
    await Promise.all([payments.pay('1'), firstValueFrom(payments.rates('2'))]);
    const kept = payments.rates('kept');
    await become('refuse');
    const { made } = payments;
    const told = (await outcomes()).length;
    await expect(payments.pay('3')).rejects.toThrow(UpstreamOpenException);
    for (const rates of [payments.rates('4'), kept]) await expect(firstValueFrom(rates)).rejects.toThrow(UpstreamOpenException);
    expect(() => payments.plain('5')).toThrow(UpstreamOpenException);
    expect(await payments.cheap('pay')).toBe(`cached pay, pay.test is open, ${made} made`);
    expect([payments.made, (await outcomes()).length]).toEqual([made, told]);
    await become('admit');
    expect(await firstValueFrom(kept)).toBe('rate of kept');
  });

  it('of a class that no application made runs unguarded, and on what is no method it is refused', async () => {
    expect(await new Payments().pay('1')).toBe('paid 1');
    expect(() => Guarded('a.test')(Payments, 'pay', {})).toThrow('@Guarded is for methods of instances; pay is none');
  });
});

describe('over HTTP', () => {
  it('an open breaker is answered with the policy’s status, body and headers, whoever called the method', async () => {
    const { become, get } = await stage();
    for (const path of ['pay', 'below', 'above']) expect(await (await get(`${path}/1`)).text()).toMatch(/ 1$/);
    expect((await get('pay/broken')).status).toBe(500);
    await become('refuse');
    for (const path of ['pay', 'below', 'above']) {
      const answer = await get(`${path}/1`);
      expect([answer.status, await answer.text()]).toEqual([520, 'closed for now']);
      expect(Object.fromEntries(answer.headers)).toMatchObject({ 'x-fuseboard-state': 'open', 'retry-after': expect.stringMatching(/^(600|599)$/), 'cache-control': 'no-store', 'content-type': 'text/plain; charset=utf-8' });
    }
  });

  it('the refusal is an HttpException to filters of the application’s own', () => {
    const exception = new UpstreamOpenException(new UpstreamOpen('a.test', { kind: 'refuse', degraded: { statusCode: 520, content: 'later' } }, 0));
    expect([exception instanceof HttpException, exception.getStatus(), exception.getResponse(), exception.cause]).toEqual([true, 520, 'later', exception.open]);
  });
});

it('what came in by no HTTP gets the refusal as any exception', async () => {
  const filter = new DegradedAnswerFilter({} as never);
  const exception = new UpstreamOpenException(new UpstreamOpen('a.test', { kind: 'refuse', degraded: { statusCode: 520, content: '' } }, 0));
  const host = (kind: string) => ({ getType: () => kind }) as unknown as ArgumentsHost;
  await expect(firstValueFrom(filter.catch(exception, host('rpc')) as Observable<unknown>)).rejects.toBe(exception);
  expect(() => filter.catch(exception, host('graphql'))).toThrow(UpstreamOpenException);
});

it('an application that closes tells the outcomes of its last calls', async () => {
  const { app, payments, sent } = await stage({ isAsync: true });
  await Promise.all(Array.from({ length: 50 }, () => payments.pay('1')));
  expect(sent.length).toBeLessThan(50);
  await app.close();
  expect(sent).toHaveLength(50);
});
