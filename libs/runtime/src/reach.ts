/**
 * `#runtime/reach`: what reaching others takes, apart from a process's frame. It loads neither Nest nor a logger, so that
 * a program that isn't Fuseboard's may use the drivers (libs/client).
 */
export { ADDRESS_ALLOWED, formatAddress, parseAddress, type Address } from './address.ts';
export { TOKENS_ALLOWED, parseTokens } from './access/tokens.ts';
export { clientChannel, readClientTls, type ClientPem, type ClientTlsFiles } from './client-tls.ts';
export { type KafkaSecurity } from './kafka-config.ts';
export { Outage, Refused, type OutageOptions } from './outage.ts';
export { readPem, readPemPair } from './pem.ts';
export { persist } from './persist.ts';
export { Secret } from './secret.ts';
export { StartError } from './start-error.ts';
export { VERSION } from './version.ts';
