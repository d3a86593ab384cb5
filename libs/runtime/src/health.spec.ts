import { expect, it } from 'vitest';
import { Health } from './health.ts';

it('ready is when every condition is met, and until then each that is missing is told with its reason', () => {
  const health = new Health();
  const documents = health.condition('documents');
  const states = health.condition('states', 'not read yet');
  documents.ready();
  expect(health.ready()).toEqual({ ok: false, body: { status: 'not-ready', missing: [{ name: 'states', reason: 'not read yet' }] } });
  states.ready();
  expect(health.ready()).toEqual({ ok: true, body: { status: 'ready' } });
  states.notReady('Redis is out of reach');
  expect(health.ready().body).toEqual({ status: 'not-ready', missing: [{ name: 'states', reason: 'Redis is out of reach' }] });
});

it('what is not ready is alive all the same', () => {
  const health = new Health();
  health.condition('states');
  expect(health.alive()).toEqual({ ok: true, body: { status: 'alive' } });
});

it('what is broken for good is neither alive nor ready, and says why', () => {
  const health = new Health();
  health.broken('the log ended');
  health.broken('the log ended');
  expect(health.alive()).toEqual({ ok: false, body: { status: 'broken', reasons: ['the log ended'] } });
  expect(health.ready().ok).toBe(false);
});

it('what is stopping is alive and not ready', () => {
  const health = new Health();
  health.stopping();
  expect(health.alive().ok).toBe(true);
  expect(health.ready().body).toEqual({ status: 'not-ready', missing: [{ name: 'process', reason: 'it is stopping' }] });
});

it('two parts of a process may name their conditions alike, and both count', () => {
  const health = new Health();
  const [proxy, console] = [health.condition('states'), health.condition('states')];
  proxy.ready();
  expect(health.ready().ok).toBe(false);
  console.ready();
  expect(health.ready().ok).toBe(true);
});

it('where only some conditions are essential, the others are told and do not count', () => {
  const health = new Health(['routes']);
  const routes = health.condition('routes');
  health.condition('states', 'not read yet');
  expect(health.ready().ok).toBe(false);
  routes.ready();
  expect(health.ready()).toEqual({ ok: true, body: { status: 'degraded', missing: [{ name: 'states', reason: 'not read yet' }] } });
  health.stopping();
  expect(health.ready().ok).toBe(false);
});
