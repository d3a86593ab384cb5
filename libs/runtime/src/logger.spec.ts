import { describe, expect, it } from 'vitest';
import { createLogger, type LoggerOptions } from './logger.ts';
import { nestLogger } from './nest-logger.ts';
import { Secret } from './secret.ts';

/** A logger, and what it wrote. */
function logger(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const own = createLogger({ level: 'info', process: 'proxy', instance: 'a-1', pretty: false, destination: { write: (line) => void lines.push(line) }, ...options });
  return { own, lines, last: () => JSON.parse(lines.at(-1) ?? 'null') as Record<string, unknown> };
}

describe('the log', () => {
  it('is JSON lines with level by name, ISO time, process and instance', () => {
    const { own, last } = logger();
    own.info({ upstream: 'u' }, 'opened');
    expect(last()).toMatchObject({ level: 'info', process: 'proxy', instance: 'a-1', upstream: 'u', msg: 'opened' });
    expect(last()['time']).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  });

  it('leaves out what is below its level', () => {
    const { own, lines } = logger({ level: 'warn' });
    own.info('no');
    own.warn('yes');
    expect(lines).toHaveLength(1);
  });

  it('prints no secret, neither a Secret nor what is called one', () => {
    const { own, lines } = logger();
    own.info({ access: { token: 'hush-1' }, password: 'hush-2', held: new Secret('hush-3') }, 'x');
    expect(lines.join('')).not.toContain('hush');
  });

  it('is readable where that is asked for', () => {
    const { own, lines } = logger({ pretty: true });
    own.info('opened');
    expect(lines.join('')).toMatch(/\d\d:\d\d:\d\d\.\d{3}\S* .*INFO.*opened/s);
  });
});

describe("Nest's own lines", () => {
  it('are detail: what Nest calls log stands at debug', () => {
    const { own, lines, last } = logger();
    nestLogger(own).log('Nest application successfully started', 'NestApplication');
    expect(lines).toHaveLength(0);
    own.level = 'debug';
    nestLogger(own).log('Nest application successfully started', 'NestApplication');
    expect(last()).toMatchObject({ level: 'debug', nest: 'NestApplication', msg: 'Nest application successfully started' });
  });

  it('keep their errors, with the stack', () => {
    const { own, last } = logger();
    nestLogger(own).error('failed', 'Error: failed\n    at x', 'ExceptionsHandler');
    expect(last()).toMatchObject({ level: 'error', nest: 'ExceptionsHandler', msg: 'failed', stack: 'Error: failed\n    at x' });
    nestLogger(own).error(new Error('whole'));
    expect(last()).toMatchObject({ msg: 'whole', err: { message: 'whole' } });
  });
});
