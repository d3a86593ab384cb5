import { expect, test } from 'vitest';
import type { FuseboardOptions } from './options.ts';
import { readOptions } from './settings.ts';

const consoles = '127.0.0.1:50051';

test('what is not given is as the fleet’s processes have it', () => {
  expect(readOptions({ consoles })).toMatchObject({ topicPrefix: 'fuseboard.', partitions: 12, stateMaxAgeMs: 5_000, consoles: [{ host: '127.0.0.1', port: 50_051 }] });
});

test.each<[FuseboardOptions, string]>([
  [{}, 'none of consoles, kafka and send is given; allowed: one of them or more'],
  [{ consoles: [] }, 'consoles: none is given, allowed: one or more of HOST:PORT'],
  [{ consoles: 'localhost' }, 'consoles: found "localhost", allowed: HOST:PORT'],
  [{ consoles, partitions: 0 }, 'partitions: found 0, allowed: a whole number from 1 to 1000'],
  [{ consoles, stateMaxAgeMs: 1 }, 'stateMaxAgeMs: found 1, allowed: a whole number from 1000 to 600000'],
  [{ consoles, instance: '' }, 'instance: found "", allowed: 1 to 200 characters'],
  [{ kafka: { brokers: 'kafka:0' } }, 'kafka.brokers: found "kafka:0", allowed: HOST:PORT'],
  [{ kafka: { brokers: 'kafka:9092' }, send: async () => {} }, 'kafka and send are both given; allowed: one of them'],
  [{ consoles, tls: { cert: 'me.pem' } }, 'tls.cert and tls.key: one is given without the other; allowed: both or none'],
])('%o is refused, with the option and what is allowed', (options, problem) => {
  expect(() => readOptions(options)).toThrow(problem);
});

test('Kafka is shown a login and certificates, consoles a token and others', () => {
  const files = { ca: 'ca.pem', cert: 'me.pem', key: 'me.key' };
  const { kafka, tls, token } = readOptions({ consoles, token: 'one two', tls: files, kafka: { brokers: 'kafka:9092', tls: files, sasl: { mechanism: 'plain', username: 'shop', password: 'secret' } } });
  expect(kafka?.security).toMatchObject({ tls: { ca: 'ca.pem', client: { cert: 'me.pem', key: 'me.key' } }, sasl: { mechanism: 'plain', username: 'shop' } });
  expect([kafka?.security.sasl?.password.reveal(), token()?.reveal()]).toEqual(['secret', 'one']);
  expect(tls).toMatchObject(files);
  expect(JSON.stringify(kafka)).not.toContain('secret');
  expect(readOptions({ consoles, tls: true }).tls).toMatchObject({ ca: undefined, cert: undefined });
});

test('a bad token is refused and not shown', () => {
  expect(() => readOptions({ consoles, token: 'pass wörd' })).toThrow(/^token: found a value that is not allowed \(it is secret, and not shown\)/);
  expect(() => readOptions({ consoles, token: 'pass wörd' })).not.toThrow('wörd');
});
