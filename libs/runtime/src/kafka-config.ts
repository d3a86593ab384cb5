/** How this process shows itself to Kafka, and Kafka to it. */
import { formatAddress, isLoopback } from './address.ts';
import { Secret } from './secret.ts';
import { bothOrNone, noEffect, variableOf, type IsSet } from './setting-problems.ts';
import type { Values } from './settings.ts';

export interface KafkaSecurity {
  /** Absent: cleartext. */
  readonly tls?: KafkaTlsFiles;
  /** Absent: nobody logs in, unless by a client certificate. */
  readonly sasl?: KafkaLogin;
}

/** Paths of PEM files. */
export interface KafkaTlsFiles {
  /** Who may have signed the brokers' certificates; absent: whom Node trusts. */
  readonly ca?: string;
  /** This process's own, which brokers may ask for. */
  readonly client?: { readonly cert: string; readonly key: string };
}

export interface KafkaLogin {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: Secret;
}

/** Only where nothing is wrong with the values. */
export function kafkaSecurity(values: Values): KafkaSecurity {
  const { kafkaTlsCa: ca, kafkaTlsCert: cert, kafkaTlsKey: key } = values;
  const { kafkaSaslMechanism: mechanism, kafkaSaslUsername: username, kafkaSaslPassword: password } = values;
  const tls = { ...(ca !== undefined && { ca }), ...(cert !== undefined && key !== undefined && { client: { cert, key } }) };
  const isLogin = mechanism !== undefined && username !== undefined && password !== undefined;
  return Object.freeze({
    ...(values.kafkaTls === 'true' && { tls: Object.freeze(tls) }),
    ...(isLogin && { sasl: Object.freeze({ mechanism: MECHANISMS[mechanism], username, password: new Secret(password) }) }),
  });
}

const MECHANISMS = { PLAIN: 'plain', 'SCRAM-SHA-256': 'scram-sha-256', 'SCRAM-SHA-512': 'scram-sha-512' } as const;

/** What is wrong with a combination of them; each value by itself is fine or undefined. */
export function kafkaProblems(values: Values, isSet: IsSet): string[] {
  return [...tlsProblems(values, isSet), ...loginProblems(values, isSet)];
}

function tlsProblems({ kafkaTls }: Values, isSet: IsSet): string[] {
  const files = ['kafkaTlsCa', 'kafkaTlsCert', 'kafkaTlsKey'] as const;
  return [
    ...(kafkaTls === 'false' ? noEffect(files, isSet, `${variableOf('kafkaTls')}=true`) : []),
    ...bothOrNone(['kafkaTlsCert', 'kafkaTlsKey'], isSet),
  ];
}

function loginProblems({ kafkaTls, kafkaSaslMechanism, kafkaBrokers = [] }: Values, isSet: IsSet): string[] {
  const problems = bothOrNone(['kafkaSaslMechanism', 'kafkaSaslUsername', 'kafkaSaslPassword'], isSet);
  const far = kafkaBrokers.find(({ host }) => !isLoopback(host));
  if (kafkaSaslMechanism === 'PLAIN' && kafkaTls === 'false' && far !== undefined) {
    problems.push(
      `${variableOf('kafkaSaslMechanism')}: found "PLAIN", which would send the password to ${formatAddress(far)} for all to read; ` +
        `allowed: PLAIN with ${variableOf('kafkaTls')}=true, SCRAM-SHA-256, SCRAM-SHA-512`,
    );
  }
  return problems;
}
