import { describe, expect, it } from 'vitest';
import { createLogger } from './logger.ts';
import { Stopper } from './stopper.ts';

function stopper(deadlineMs = 5_000) {
  const lines: string[] = [];
  const exits: number[] = [];
  const logger = createLogger({ level: 'info', process: 'x', instance: 'y', pretty: false, destination: { write: (line) => void lines.push(line) } });
  return { own: new Stopper({ logger, deadlineMs, exit: (code) => void exits.push(code) }), exits, lines };
}

describe('a graceful stop', () => {
  it('runs what was registered, last first, one after the other, and ends with 0', async () => {
    const { own, exits } = stopper();
    const seen: string[] = [];
    own.onStop('store', () => void seen.push('store'));
    own.onStop('server', async () => {
      await Promise.resolve();
      seen.push('server');
    });
    await own.stop('SIGTERM');
    expect(seen).toEqual(['server', 'store']);
    expect(exits).toEqual([0]);
    expect(own.stopping).toBe(true);
  });

  it('goes on past a hook that fails, names it, and ends with 1', async () => {
    const { own, exits, lines } = stopper();
    const seen: string[] = [];
    own.onStop('store', () => void seen.push('store'));
    own.onStop('server', () => Promise.reject(new Error('no')));
    await own.stop('SIGTERM');
    expect(seen).toEqual(['store']);
    expect(exits).toEqual([1]);
    expect(lines.join('')).toContain('server failed to stop');
  });

  it('ends with 1 after the deadline, and names what hung', async () => {
    const { own, exits, lines } = stopper(20);
    own.onStop('server', () => new Promise(() => {}));
    void own.stop('SIGTERM');
    await expect.poll(() => exits).toEqual([1]);
    expect(lines.join('')).toContain('server did not stop within 20 ms');
  });

  it('is asked for once, however often it is asked', async () => {
    const { own, exits } = stopper();
    let runs = 0;
    own.onStop('server', () => void (runs += 1));
    await Promise.all([own.stop('SIGTERM'), own.stop('SIGINT')]);
    expect([runs, exits]).toEqual([1, [0]]);
  });
});
