/** TLS, client certificates and logins, each against a real broker that asks for it. */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Secret, StartError, type KafkaSecurity } from '#runtime';
import { makeCertificate } from '../support/certificate.ts';
import { eventually } from '../support/eventually.ts';
import { Ledger, openStage, Owner, someOutcomes } from '../support/kafka-stage.ts';
import { startSecuredKafka, type ClientFiles, type Listener, type SecuredKafka } from '../support/services/secured-kafka.ts';

const PASSWORD = 'canary, "quoted" = 1';
let secured: SecuredKafka;
beforeAll(async () => {
  secured = await startSecuredKafka({ users: { alice: 'canary-1' }, clients: ['alice'] });
}, 120_000);
afterAll(() => secured.close());

type Mechanism = NonNullable<KafkaSecurity['sasl']>['mechanism'];
const login = (mechanism: Mechanism, password = 'canary-1') => ({ sasl: { mechanism, username: 'alice', password: new Secret(password) } });
const tls = (client?: ClientFiles) => ({ tls: { ca: secured.ca, ...(client && { client }) } });

/** Why Kafka can't be reached, without what is said again. */
function opened(brokers: string, security: KafkaSecurity) {
  const reasons = new Set<string>();
  const { kafka } = openStage({ brokers, security, reach: { failed: (error) => void reasons.add(String(error)), reached: () => {} } });
  // Ends with the test.
  kafka.prepare().catch(() => undefined);
  return { kafka, reasons };
}

function firstReason(brokers: string, security: KafkaSecurity): Promise<string> {
  const { reasons } = opened(brokers, security);
  return eventually(() => [...reasons][0], { what: 'a reason' });
}

describe('records are appended and delivered', () => {
  it.each<[string, Listener, () => KafkaSecurity]>([
    ['over TLS with a client certificate', 'SSL', () => tls(secured.filesOf('alice'))],
    ['over TLS with PLAIN', 'SASL_SSL', () => ({ ...tls(), ...login('plain') })],
    ['over TLS with SCRAM-SHA-256', 'SASL_SSL', () => ({ ...tls(), ...login('scram-sha-256') })],
    ['over TLS with SCRAM-SHA-512', 'SASL_SSL', () => ({ ...tls(), ...login('scram-sha-512') })],
    ['in the clear with SCRAM-SHA-512', 'SASL_PLAINTEXT', () => login('scram-sha-512')],
  ])('%s', async (_, listener, security) => {
    const { kafka, reasons } = opened(secured.server.brokersOf(listener), security());
    await kafka.prepare();
    const ledger = new Ledger();
    const stop = await kafka.reader.run(new Owner(ledger));
    onTestFinished(stop);
    await kafka.outcomes.append(someOutcomes('o', 0, 20));
    await eventually(() => ledger.ids.length === 20 || undefined, { what: 'the records' });
    expect([...reasons].join('\n')).not.toMatch(/login|certificate|canary/);
  });
});

describe('a broker that won’t have us, or that we won’t have, is told with the setting to look at', () => {
  const overTls = () => secured.server.brokersOf('SASL_SSL');
  const otherName = () => overTls().replace('127.0.0.1', 'localhost');
  const withCertificate = () => secured.server.brokersOf('SSL');
  const plain = () => secured.server.brokers;

  it.each<[string, () => [brokers: string, security: KafkaSecurity], RegExp]>([
    ['a wrong password for PLAIN', () => [overTls(), { ...tls(), ...login('plain', PASSWORD) }], /the login of alice is refused; look at FUSEBOARD_KAFKA_SASL_MECHANISM, _USERNAME and _PASSWORD/],
    ['a wrong password for SCRAM', () => [overTls(), { ...tls(), ...login('scram-sha-256', PASSWORD) }], /the login of alice is refused/],
    ['an authority that nobody named', () => [overTls(), { tls: {}, ...login('plain') }], /the broker's certificate can't be trusted; look at FUSEBOARD_KAFKA_TLS_CA/],
    ['a certificate for another name', () => [otherName(), { ...tls(), ...login('plain') }], /certificate can't be trusted.*FUSEBOARD_KAFKA_BROKERS.*localhost/],
    ['no client certificate', () => [withCertificate(), tls()], /takes our certificate for none that it knows; look at FUSEBOARD_KAFKA_TLS_CERT and _KEY/],
    ['no TLS', () => [overTls(), login('plain')], /hangs up at once; it may want TLS \(FUSEBOARD_KAFKA_TLS=true\)/],
    ['no login', () => [overTls(), tls()], /hangs up at once; it may want a login \(FUSEBOARD_KAFKA_SASL_MECHANISM\)/],
    ['TLS where there is none', () => [plain(), tls()], /speaks no TLS there; unset FUSEBOARD_KAFKA_TLS/],
    ['a login where there is none', () => [plain(), login('plain')], /has no logins there; unset FUSEBOARD_KAFKA_SASL_MECHANISM/],
  ])('%s', async (_, how, reason) => {
    const told = await firstReason(...how());
    expect(told).toMatch(reason);
    expect(told).not.toContain('canary');
  });
});

describe('certificate files', () => {
  function folder(): ClientFiles {
    const directory = mkdtempSync(join(tmpdir(), 'fuseboard-client-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    return { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') };
  }

  it('are read again for each connection: one that the broker refuses is replaced, and the next attempt gets in', async () => {
    const files = folder();
    const strange = makeCertificate({ commonName: 'strange' });
    writeFileSync(files.cert, strange.cert);
    writeFileSync(files.key, strange.key);
    const { kafka, reasons } = opened(secured.server.brokersOf('SSL'), tls(files));
    await eventually(() => reasons.size > 0 || undefined, { what: 'a refusal' });
    for (const which of ['cert', 'key'] as const) copyFileSync(secured.filesOf('alice')[which], files[which]);
    await kafka.prepare();
    // Half written: what was used before is used on.
    writeFileSync(files.cert, 'nonsense');
    expect(await kafka.outcomes.append(someOutcomes('o', 0, 3))).toHaveLength(3);
  });

  it.each<[string, (files: ClientFiles) => KafkaSecurity['tls'], RegExp]>([
    ['an authority that is not there', ({ cert }) => ({ ca: cert }), /^FUSEBOARD_KAFKA_TLS_CA: .*cert\.pem can't be read: ENOENT/],
    ['a certificate that is not there', (client) => ({ client }), /^FUSEBOARD_KAFKA_TLS_CERT: .*cert\.pem can't be read: ENOENT/],
    ['a key that is another’s', () => ({ client: { ...secured.filesOf('alice'), key: secured.filesOf('broker').key } }), /^FUSEBOARD_KAFKA_TLS_CERT and FUSEBOARD_KAFKA_TLS_KEY: .* can't be used together/],
  ])('stop the start and name the variable: %s', (_, files, message) => {
    const open = () => opened(secured.server.brokersOf('SSL'), { tls: files(folder()) ?? {} });
    expect(open).toThrow(StartError);
    expect(open).toThrow(message);
  });
});
