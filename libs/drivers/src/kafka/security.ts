/**
 * How a connection to a broker is made, and as whom: cleartext or TLS, with a certificate of our own or not, and what
 * kafkajs logs in with. Certificates are read again for each connection, so that renewing them needs no restart; while
 * what is found can't be used, what was used before is.
 */
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, type SecureContextOptions } from 'node:tls';
import type { SASLOptions } from 'kafkajs';
import { readPem, readPemPair, type KafkaSecurity } from '#runtime/reach';

const KEEP_ALIVE_AFTER_MS = 10_000;

const CA = 'FUSEBOARD_KAFKA_TLS_CA';
const CERT = 'FUSEBOARD_KAFKA_TLS_CERT';
const KEY = 'FUSEBOARD_KAFKA_TLS_KEY';

export class Security {
  readonly #config: KafkaSecurity;
  #pems: SecureContextOptions | undefined;

  /** @throws {StartError} naming the variable and the file that can't be used */
  constructor(config: KafkaSecurity = {}) {
    this.#config = config;
    this.#pems = config.tls && readPems(config.tls);
  }

  get hasTls(): boolean {
    return this.#config.tls !== undefined;
  }

  /** Each time another object: kafkajs writes into it. */
  get sasl(): Extract<SASLOptions, { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512' }> | undefined {
    const { sasl } = this.#config;
    return sasl && { mechanism: sasl.mechanism, username: sasl.username, password: sasl.password.reveal() };
  }

  connect({ host, port }: { readonly host: string; readonly port: number }, onConnect: () => void): Socket {
    const { tls } = this.#config;
    if (tls === undefined) return connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_AFTER_MS }, onConnect);
    try {
      this.#pems = readPems(tls);
    } catch {
      // Half written, perhaps; the pair in use is good until it runs out, and then the broker says so.
    }
    // An address is no name to ask for, but is compared with those in the certificate all the same.
    const socket = connectTls({ host, port, ...this.#pems, ...(isIP(host) === 0 && { servername: host }) }, onConnect);
    return socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_AFTER_MS);
  }
}

function readPems({ ca, client }: NonNullable<KafkaSecurity['tls']>): SecureContextOptions {
  return {
    ...(ca !== undefined && { ca: readPem({ path: ca, variable: CA, holds: 'certificate' }) }),
    ...(client && readPemPair({ path: client.cert, variable: CERT }, { path: client.key, variable: KEY })),
  };
}
