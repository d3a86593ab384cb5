/** How this process shows itself to Kafka, and Kafka to it. */
import { formatAddress, isLoopback } from './address.ts';
import { Secret } from './secret.ts';
import { SETTINGS, type SettingKey, type Values } from './settings.ts';

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

const name = (key: SettingKey): string => SETTINGS[key].variable;

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
export function kafkaProblems(values: Values, isSet: (key: SettingKey) => boolean): string[] {
  return [...tlsProblems(values, isSet), ...loginProblems(values, isSet)];
}

function tlsProblems({ kafkaTls }: Values, isSet: (key: SettingKey) => boolean): string[] {
  const files = (['kafkaTlsCa', 'kafkaTlsCert', 'kafkaTlsKey'] as const).filter(isSet).map(name);
  const without = kafkaTls === 'false' && files.length > 0;
  return [
    ...(without ? [`${files.join(' and ')} ${files.length === 1 ? 'is' : 'are'} set without ${name('kafkaTls')}=true, and would have no effect; allowed: with it, or not at all`] : []),
    ...bothOrNone(['kafkaTlsCert', 'kafkaTlsKey'], isSet),
  ];
}

function loginProblems({ kafkaTls, kafkaSaslMechanism, kafkaBrokers = [] }: Values, isSet: (key: SettingKey) => boolean): string[] {
  const problems = bothOrNone(['kafkaSaslMechanism', 'kafkaSaslUsername', 'kafkaSaslPassword'], isSet);
  const far = kafkaBrokers.find(({ host }) => !isLoopback(host));
  if (kafkaSaslMechanism === 'PLAIN' && kafkaTls === 'false' && far !== undefined) {
    problems.push(
      `${name('kafkaSaslMechanism')}: found "PLAIN", which would send the password to ${formatAddress(far)} for all to read; ` +
        `allowed: PLAIN with ${name('kafkaTls')}=true, SCRAM-SHA-256, SCRAM-SHA-512`,
    );
  }
  return problems;
}

function bothOrNone(keys: readonly SettingKey[], isSet: (key: SettingKey) => boolean): string[] {
  const [set, missing] = [keys.filter(isSet).map(name), keys.filter((key) => !isSet(key)).map(name)];
  if (set.length === 0 || missing.length === 0) return [];
  const all = keys.length === 2 ? 'both' : `all ${keys.length}`;
  return [`${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not set, but ${set.join(' and ')} ${set.length === 1 ? 'is' : 'are'}; allowed: ${all} or none`];
}
