import { status, type Metadata } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { BreakerQueries } from './breaker-queries.ts';
import { GrpcController } from './grpc.controller.ts';
import { ReadModel } from './read-model.ts';

const WATCHES = 1_000;

test('a thousand watch at once, the next is refused, and there is room again when one ends', () => {
  const model = new ReadModel({ nowMs: () => 0, monotonicMs: () => 0 });
  model.applyStates({ partition: 0, meta: { incarnation: 1, next: 1, clockMs: 0, control: 0, sequence: 1 }, snapshots: [] });
  const controller = new GrpcController(new BreakerQueries(model, {} as never, {} as never), model);
  const call = { sendMetadata: () => {}, writableNeedDrain: false, on: () => {}, off: () => {} } as unknown as Parameters<GrpcController['watchBreakers']>[2];
  const watch = () => controller.watchBreakers({ upstream: '' }, undefined as unknown as Metadata, call).subscribe();
  const watches = Array.from({ length: WATCHES }, watch);
  expect(controller.countWatchers()).toBe(WATCHES);
  expect(watch).toThrow(expect.objectContaining({ error: { code: status.RESOURCE_EXHAUSTED, message: `there are ${WATCHES} watches already` } }));
  watches[0]?.unsubscribe();
  watch();
  expect(controller.countWatchers()).toBe(WATCHES);
});
