/** In which order a service is looked for, and what is said where there is none. Nothing is started here. */
import { describe, expect, test, vi } from 'vitest';
import { NoServiceError } from '../support/services/no-service.ts';
import { firstOpen, kafkaWays, redisWays, type Way } from '../support/services/start-services.ts';

const opens = (name: string): Way => ({ name, open: () => Promise.resolve({ address: `${name}:1`, close: () => Promise.resolve() }) });
const closed = (name: string, why: string): Way => ({ name, open: () => Promise.reject(new NoServiceError(why)) });
const broken = (name: string, why: string): Way => ({ name, open: () => Promise.reject(new Error(why)) });

describe('where a service is looked for', () => {
  test.for([
    ['Kafka', kafkaWays({}), 'KAFKA_BROKERS'],
    ['Redis', redisWays({}), 'REDIS_URL'],
  ] as const)('%s: the environment, then Docker, then a local process', ([, ways, variable]) => {
    expect(ways.map(({ name }) => name)).toEqual([variable, 'Docker', 'a local process']);
  });

  test('the first one that is open is taken, and named with the time it took', async () => {
    const { address, how } = await firstOpen('Kafka', [closed('A', 'not set'), opens('B'), broken('C', 'never asked')]);
    expect(address).toBe('B:1');
    expect(how).toMatch(/^Kafka by B in \d+\.\d s$/);
  });

  test('where none is open, the error says what was tried and why not', async () => {
    const search = firstOpen('Redis', [closed('A', 'not set'), closed('B', 'no docker on PATH')]);
    await expect(search).rejects.toThrow(new NoServiceError('no Redis to test with (A: not set; B: no docker on PATH)'));
  });

  test('one that is there and broken ends the search', async () => {
    await expect(firstOpen('Redis', [broken('A', 'crashed'), opens('B')])).rejects.toThrow(new Error('crashed'));
  });

  test.for([
    ['KAFKA_BROKERS', '127.0.0.1:1', kafkaWays({})],
    ['KAFKA_BROKERS', 'nowhere', kafkaWays({})],
    ['REDIS_URL', 'redis://127.0.0.1:1', redisWays({})],
  ] as const)('a set %s of "%s" that does not answer is an error that names it', async ([variable, value, ways]) => {
    vi.stubEnv(variable, value);
    const failure = await firstOpen('it', ways).catch((error: unknown) => error);
    vi.unstubAllEnvs();
    expect(failure).not.toBeInstanceOf(NoServiceError);
    expect(failure).toMatchObject({ message: expect.stringContaining(`${variable} is set, and does not answer`) as string });
  });
});
