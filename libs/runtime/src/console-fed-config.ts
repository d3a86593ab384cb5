/** A proxy that takes its states from consoles: its settings, and what is wrong with a combination of them. */
import { formatAddress, type Address } from './address.ts';
import type { Config, FleetConfig, Parsed, Role } from './config.ts';
import { kafkaProblems, kafkaSecurity } from './kafka-config.ts';
import { must } from './proxy-config.ts';
import type { RedisConfig } from './redis-config.ts';
import type { ClientTlsFiles } from './client-tls.ts';
import { bothOrNone, noEffect } from './setting-problems.ts';
import { SETTINGS, type Values } from './settings.ts';
import type { TokenSource } from './access/tokens.ts';

/** It needs no Redis. */
export interface ConsoleFedConfig extends Omit<FleetConfig, 'kind' | 'redisPrefix' | keyof RedisConfig> {
  readonly kind: 'consoles';
  /** At least one: their gRPC. */
  readonly consoles: readonly Address[];
  /** Shown to them. */
  readonly token: TokenSource | undefined;
  /** Absent: cleartext. */
  readonly tls: ClientTlsFiles | undefined;
}

/** What a proxy may have in place of both stores. */
export const ORS_OF_A_PROXY = `, or ${SETTINGS.kafkaBrokers.variable} and ${SETTINGS.statesFrom.variable} with the address of a console`;

/** Only where FUSEBOARD_STATES_FROM names consoles. */
export function consoleFedOf(role: Role, { values, isSet, consoles, access }: Parsed & Pick<Config, 'access'> & { readonly consoles: readonly Address[] }, problems: string[]): ConsoleFedConfig | undefined {
  const [statesFrom, redisUrl, kafka] = [SETTINGS.statesFrom, SETTINGS.redisUrl, SETTINGS.kafkaBrokers].map(({ variable }) => variable);
  if (role !== 'proxy') {
    problems.push(`${statesFrom}: found "${consoles.map(formatAddress).join(',')}", but only a proxy takes its states from consoles; allowed for ${role}: redis`);
    return undefined;
  }
  if (isSet('redisUrl')) problems.push(`${redisUrl} is set, but ${statesFrom} names consoles, so that Redis is not asked; allowed: one of them`);
  if (!isSet('kafkaBrokers')) problems.push(`${kafka} is not set; a proxy that takes its states from consoles (${statesFrom}) needs it for its outcomes`);
  problems.push(...kafkaProblems(values, isSet));
  const isOn = values.statesTls === 'true';
  const tls = statesTlsFiles(values);
  if (!isOn) problems.push(...noEffect(['statesTlsCa', 'statesTlsCert', 'statesTlsKey'], isSet, `${SETTINGS.statesTls.variable}=true`));
  problems.push(...bothOrNone(['statesTlsCert', 'statesTlsKey'], isSet));
  const { kafkaBrokers, topicPrefix, partitions } = values;
  if (kafkaBrokers === undefined) return undefined;
  return { kind: 'consoles', kafkaBrokers, kafkaSecurity: kafkaSecurity(values), consoles, token: access.tokens.write, tls: isOn ? tls : undefined, topicPrefix: must(topicPrefix), partitions: must(partitions) };
}

function statesTlsFiles({ statesTlsCa: ca, statesTlsCert: cert, statesTlsKey: key }: Values): ClientTlsFiles {
  const { statesTlsCa, statesTlsCert, statesTlsKey } = SETTINGS;
  return Object.freeze({ ca, cert, key, variables: { ca: statesTlsCa.variable, cert: statesTlsCert.variable, key: statesTlsKey.variable } });
}
