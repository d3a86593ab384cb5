import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readConfig, readStoresConfig } from './config.ts';
import { StartError } from './start-error.ts';

const FLEET = { FUSEBOARD_KAFKA_BROKERS: '127.0.0.1:9092', FUSEBOARD_REDIS_URL: 'redis://127.0.0.1:6379' };
const LOGIN = { FUSEBOARD_KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512', FUSEBOARD_KAFKA_SASL_USERNAME: 'proxy', FUSEBOARD_KAFKA_SASL_PASSWORD: 'hush hush' };

const read = (env: Readonly<Record<string, string>>) => readConfig({ role: 'proxy', env: { ...FLEET, ...env }, argv: [] });

function refusal(env: Readonly<Record<string, string>>): string {
  try {
    read(env);
  } catch (error) {
    if (error instanceof StartError) return error.message;
    throw error;
  }
  throw new Error('it was taken');
}

describe('how a process shows itself to Kafka', () => {
  it('is in the clear and without a login where nothing is set', () => {
    expect(read({}).drivers).toMatchObject({ kafkaSecurity: {} });
  });

  it('is what is set, in every process and in the command', () => {
    const env = { ...LOGIN, FUSEBOARD_KAFKA_TLS: 'true', FUSEBOARD_KAFKA_TLS_CA: '/ca', FUSEBOARD_KAFKA_TLS_CERT: '/cert', FUSEBOARD_KAFKA_TLS_KEY: '/key' };
    const kafkaSecurity = { tls: { ca: '/ca', client: { cert: '/cert', key: '/key' } }, sasl: { mechanism: 'scram-sha-512', username: 'proxy' } };
    for (const role of ['ingest', 'proxy', 'console'] as const) {
      const { drivers } = readConfig({ role, env: { ...FLEET, ...env }, argv: [] });
      expect(drivers).toMatchObject({ kafkaSecurity });
      expect(drivers.kind === 'fleet' && drivers.kafkaSecurity?.sasl?.password.reveal()).toBe('hush hush');
      expect(`${inspect(drivers, { depth: 9 })}${JSON.stringify(drivers)}`).not.toContain('hush');
    }
    expect(readStoresConfig({ ...FLEET, ...env }, undefined).drivers).toMatchObject({ kafkaSecurity });
  });

  it.each<[Readonly<Record<string, string>>, string]>([
    [{ FUSEBOARD_KAFKA_TLS: 'yes' }, 'FUSEBOARD_KAFKA_TLS: found "yes", allowed: false, true'],
    [{ FUSEBOARD_KAFKA_TLS_CA: '/ca' }, 'FUSEBOARD_KAFKA_TLS_CA is set without FUSEBOARD_KAFKA_TLS=true, and would have no effect'],
    [
      { FUSEBOARD_KAFKA_TLS_CERT: '/c', FUSEBOARD_KAFKA_TLS_KEY: '/k' },
      'FUSEBOARD_KAFKA_TLS_CERT and FUSEBOARD_KAFKA_TLS_KEY are set without FUSEBOARD_KAFKA_TLS=true',
    ],
    [{ FUSEBOARD_KAFKA_TLS: 'true', FUSEBOARD_KAFKA_TLS_CERT: '/c' }, 'FUSEBOARD_KAFKA_TLS_KEY is not set, but FUSEBOARD_KAFKA_TLS_CERT is; allowed: both or none'],
    [{ FUSEBOARD_KAFKA_TLS: 'true', FUSEBOARD_KAFKA_TLS_KEY: '/k' }, 'FUSEBOARD_KAFKA_TLS_CERT is not set, but FUSEBOARD_KAFKA_TLS_KEY is; allowed: both or none'],
    [{ ...LOGIN, FUSEBOARD_KAFKA_SASL_MECHANISM: 'GSSAPI' }, 'FUSEBOARD_KAFKA_SASL_MECHANISM: found "GSSAPI", allowed: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512'],
    [
      { FUSEBOARD_KAFKA_SASL_MECHANISM: 'PLAIN' },
      'FUSEBOARD_KAFKA_SASL_USERNAME and FUSEBOARD_KAFKA_SASL_PASSWORD are not set, but FUSEBOARD_KAFKA_SASL_MECHANISM is; allowed: all 3 or none',
    ],
    [{ ...LOGIN, FUSEBOARD_KAFKA_SASL_USERNAME: '' }, 'FUSEBOARD_KAFKA_SASL_USERNAME is not set, but FUSEBOARD_KAFKA_SASL_MECHANISM and FUSEBOARD_KAFKA_SASL_PASSWORD are'],
    [{ ...LOGIN, FUSEBOARD_KAFKA_SASL_PASSWORD: 'a\u0000b' }, 'FUSEBOARD_KAFKA_SASL_PASSWORD: found a value that is none of those (it is secret, and not shown), allowed: 1 to 4096 characters'],
    [{ ...LOGIN, FUSEBOARD_KAFKA_SASL_PASSWORD_FILE: '/nowhere' }, 'FUSEBOARD_KAFKA_SASL_PASSWORD and FUSEBOARD_KAFKA_SASL_PASSWORD_FILE are both set; allowed: one of them'],
    [
      { ...LOGIN, FUSEBOARD_KAFKA_SASL_MECHANISM: 'PLAIN', FUSEBOARD_KAFKA_BROKERS: '127.0.0.1:1,kafka-1:9092' },
      'FUSEBOARD_KAFKA_SASL_MECHANISM: found "PLAIN", which would send the password to kafka-1:9092 for all to read; allowed: PLAIN with FUSEBOARD_KAFKA_TLS=true, SCRAM-SHA-256, SCRAM-SHA-512',
    ],
  ])('%j stops the start and names the variable', (env, message) => {
    const told = refusal(env);
    expect(told).toContain(message);
    expect(told).not.toContain('hush');
  });

  it('may send the password as it is over TLS, or to this machine', () => {
    const plain = { ...LOGIN, FUSEBOARD_KAFKA_SASL_MECHANISM: 'PLAIN' };
    read({ ...plain, FUSEBOARD_KAFKA_TLS: 'true', FUSEBOARD_KAFKA_BROKERS: 'kafka-1:9092' });
    expect(read(plain).drivers).toMatchObject({ kafkaSecurity: { sasl: { mechanism: 'plain' } } });
  });
});
