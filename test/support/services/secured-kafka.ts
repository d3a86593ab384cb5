/**
 * A Kafka as a company runs it: beside the plain listener, which is the tests' own (super user), one with TLS and client
 * certificates, one with logins over TLS, one with logins in the clear; users with SCRAM and PLAIN; ACLs, by which
 * nobody else may do anything that was not granted.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificate, type Certificate } from '../certificate.ts';
import { KafkaServer } from './kafka.ts';
import { onDeath } from './on-death.ts';
import { restartablePort } from './server-process.ts';

export const LISTENERS = ['SSL', 'SASL_SSL', 'SASL_PLAINTEXT'] as const;
export type Listener = (typeof LISTENERS)[number];

export interface SecuredKafkaOptions {
  /** Who may log in, with which password: by PLAIN and by SCRAM alike. */
  readonly users?: Readonly<Record<string, string>>;
  /** By PLAIN alone. */
  readonly logins?: Readonly<Record<string, string>>;
  /** Common names of client certificates. */
  readonly clients?: readonly string[];
  /** Default false: everybody who came in may do everything. */
  readonly hasAcls?: boolean;
}

/** Paths of PEM files. */
export interface ClientFiles {
  readonly cert: string;
  readonly key: string;
}

export class SecuredKafka {
  readonly server: KafkaServer;
  /** Path of the PEM of who signed the broker's certificate. */
  readonly ca: string;
  readonly #folder: string;
  readonly #release: () => void;

  private constructor(server: KafkaServer, folder: string, release: () => void) {
    this.server = server;
    this.ca = join(folder, 'ca.pem');
    this.#folder = folder;
    this.#release = release;
  }

  static async open({ users = {}, logins = {}, clients = [], hasAcls = false }: SecuredKafkaOptions): Promise<SecuredKafka> {
    const folder = mkdtempSync(join(tmpdir(), 'fuseboard-secured-'));
    const release = onDeath(['rm', '-rf', folder]);
    const issuer = makeCertificate({ commonName: 'tests.authority' });
    writeFileSync(join(folder, 'ca.pem'), issuer.cert);
    writeBoth(folder, 'broker', makeCertificate({ commonName: 'broker', names: ['127.0.0.1'], issuer }));
    for (const commonName of clients) writeBoth(folder, commonName, makeCertificate({ commonName, issuer }));
    const listeners = await Promise.all(LISTENERS.map(async (name) => ({ name, port: await restartablePort() })));
    const settings = { ...tlsSettings(folder), ...loginSettings({ ...users, ...logins }), ...(hasAcls && ACLS) };
    const scram = Object.entries(users).flatMap(([name, password]) => ['SCRAM-SHA-256', 'SCRAM-SHA-512'].map((how) => `${how}=[name=${name},password=${password}]`));
    const server = await KafkaServer.open({}, { listeners, settings }, scram);
    return new SecuredKafka(server, folder, release);
  }

  /** Of one of the clients. */
  filesOf(commonName: string): ClientFiles {
    return { cert: join(this.#folder, `${commonName}.cert.pem`), key: join(this.#folder, `${commonName}.key.pem`) };
  }

  async close(): Promise<void> {
    await this.server.close();
    rmSync(this.#folder, { recursive: true, force: true });
    this.#release();
  }
}

function writeBoth(folder: string, name: string, { cert, key }: Certificate): void {
  writeFileSync(join(folder, `${name}.cert.pem`), cert);
  writeFileSync(join(folder, `${name}.key.pem`), key);
  // What a broker calls a key store.
  writeFileSync(join(folder, `${name}.pem`), `${key}${cert}`);
}

function tlsSettings(folder: string): Record<string, string> {
  return {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': join(folder, 'broker.pem'),
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': join(folder, 'ca.pem'),
    'listener.name.ssl.ssl.client.auth': 'required',
  };
}

function loginSettings(users: Readonly<Record<string, string>>): Record<string, string> {
  const plain = Object.entries(users).map(([name, password]) => `user_${name}="${password}"`);
  const security = 'org.apache.kafka.common.security';
  return Object.fromEntries(
    ['sasl_ssl', 'sasl_plaintext'].flatMap((listener) => {
      const of = (what: string): string => `listener.name.${listener}.${what}`;
      return [
        [of('sasl.enabled.mechanisms'), 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512'],
        [of('plain.sasl.jaas.config'), `${security}.plain.PlainLoginModule required ${plain.join(' ')};`],
        [of('scram-sha-256.sasl.jaas.config'), `${security}.scram.ScramLoginModule required;`],
        [of('scram-sha-512.sasl.jaas.config'), `${security}.scram.ScramLoginModule required;`],
      ];
    }),
  );
}

const ACLS = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  // The plain listener and the node itself.
  'super.users': 'User:ANONYMOUS',
};

/** @throws NoServiceError where this machine can't run one. */
export function startSecuredKafka(options: SecuredKafkaOptions): Promise<SecuredKafka> {
  return SecuredKafka.open(options);
}
