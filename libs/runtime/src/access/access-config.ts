/** Who may ask the console, and the metrics of the other processes: the settings, and what is wrong with a combination. */
import { formatAddress, isLoopback, type Address } from '../address.ts';
import type { Written } from '../config-file.ts';
import { tlsFiles, tlsProblems, type TlsFiles } from '../listener-tls.ts';
import { noEffect } from '../setting-problems.ts';
import { SETTINGS, type SettingKey, type Values } from '../settings.ts';
import { TokenSource, type TokenSources } from './tokens.ts';

/** Without any of it nothing but loopback, or reads where `anonymousReads` says so. */
export interface Access {
  readonly tokens: TokenSources;
  readonly anonymousReads: boolean;
  /** Of the console's HTTP and gRPC; absent: cleartext. With `ca`, a certificate does in place of a token. */
  readonly tls: TlsFiles | undefined;
  /** Names in certificates that may write; the others read. */
  readonly tlsWriters: readonly string[];
}

/** Shorter ones can be guessed. */
const TOKEN_SHORT = 16;

const TOKENS = { write: 'token', read: 'readToken' } as const;
const TLS = { cert: 'consoleTlsCert', key: 'consoleTlsKey', ca: 'consoleTlsCa' } as const;
const LISTENS = ['consoleListen', 'grpcListen'] as const;

/** Only where nothing is wrong with the values. */
export function accessConfig(values: Values, written: ReadonlyMap<SettingKey, Written>): Access {
  const source = (key: (typeof TOKENS)[keyof typeof TOKENS]): TokenSource | undefined => {
    const tokens = values[key];
    return tokens && new TokenSource({ variable: SETTINGS[key].variable, tokens, path: written.get(key)?.path });
  };
  const [write, read] = [source('token'), source('readToken')];
  return Object.freeze({
    tokens: Object.freeze({ ...(write && { write }), ...(read && { read }) }),
    anonymousReads: values.anonymous === 'read',
    tls: tlsFiles(TLS, values),
    tlsWriters: Object.freeze(values.consoleTlsWriters ?? []),
  });
}

export function accessProblems(values: Values): string[] {
  const isIdle = values.consoleTlsCa === undefined;
  const idle = isIdle ? noEffect(['consoleTlsWriters'], (key) => values[key] !== undefined, SETTINGS.consoleTlsCa.variable) : [];
  return [...tlsProblems(TLS, values), ...idle, ...bindingProblems(values)];
}

/** Nothing of the console is reachable from elsewhere without a token or a certificate, but for reads where that is said. */
function bindingProblems(values: Values): string[] {
  const { token, readToken, anonymous, consoleTlsCa } = values;
  if (token !== undefined || readToken !== undefined || anonymous === 'read' || consoleTlsCa !== undefined) return [];
  return beyondLoopback(values).map(
    ([key, listen]) =>
      `${SETTINGS[key].variable}: found "${formatAddress(listen)}", which others can reach; allowed: an address of this machine alone (127.0.0.1), ` +
      'or any with FUSEBOARD_TOKEN or FUSEBOARD_TOKEN_FILE set, or FUSEBOARD_CONSOLE_TLS_CA for clients with certificates, or, for reads only, with FUSEBOARD_ANONYMOUS=read',
  );
}

function beyondLoopback(values: Values): [(typeof LISTENS)[number], Address][] {
  return LISTENS.flatMap((key) => {
    const listen = values[key];
    return listen === undefined || isLoopback(listen.host) ? [] : [[key, listen]];
  });
}

/** What works, and is weaker than it could be. */
export function accessWarnings(values: Values): string[] {
  const warnings = Object.values(TOKENS).flatMap((key) =>
    values[key]?.some((token) => token.length < TOKEN_SHORT) ? [`${SETTINGS[key].variable} holds a token of fewer than ${TOKEN_SHORT} characters, which can be guessed; \`openssl rand -hex 32\` makes a good one.`] : [],
  );
  const isTold = values.token !== undefined || values.readToken !== undefined;
  if (!isTold || values.consoleTlsCert !== undefined) return warnings;
  const open = beyondLoopback(values).map(([key]) => SETTINGS[key].variable);
  return open.length === 0 ? warnings : [...warnings, `${open.join(' and ')}: others can reach it, and tokens go there in cleartext; FUSEBOARD_CONSOLE_TLS_CERT and FUSEBOARD_CONSOLE_TLS_KEY make it TLS.`];
}
