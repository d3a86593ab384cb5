import { HttpException } from '@nestjs/common';
import { expect, test } from 'vitest';
import type { Drivers } from '#drivers';
import type { BreakerQueries } from '../breaker-queries.ts';
import { OutcomesController } from './outcomes.controller.ts';

const READINGS = 4;

test('the log is read for four at once, the next is refused, and there is room again when one is done', async () => {
  const asked: PromiseWithResolvers<never[]>[] = [];
  const read = (): Promise<never[]> => {
    asked.push(Promise.withResolvers());
    return (asked.at(-1) as PromiseWithResolvers<never[]>).promise;
  };
  const queries = { get: () => ({ snapshot: { upstream: 'a.test' }, partition: 0 }), policy: () => undefined } as unknown as BreakerQueries;
  const controller = new OutcomesController(queries, { reader: { read } as unknown as Drivers['reader'] }, { logger: {} as never });
  const ask = () => controller.one('a.test', '0').catch((error: HttpException) => error.getStatus());
  const answers = Array.from({ length: READINGS }, ask);
  expect([await ask(), asked.length]).toEqual([503, READINGS]);
  asked[0]?.resolve([]);
  expect(await answers[0]).toBe(404);
  answers[0] = ask();
  expect(asked.length).toBe(READINGS + 1);
  for (const each of asked) each.resolve([]);
  expect(await Promise.all(answers)).toEqual([404, 404, 404, 404]);
});
