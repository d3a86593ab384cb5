/**
 * Why a broker won't have us, in words that name the setting to look at. TLS and logins fail in ways that say little by
 * themselves: a broker that wants TLS just hangs up.
 */
import { Refused } from '#runtime/reach';
import type { Reach } from '../drivers.ts';
import type { Security } from './security.ts';

/** Told on to whoever opened the driver, explained. */
export function explaining(reach: Reach, security: Security): Reach {
  // Who got in once has the settings right; then a closed connection is what it looks like.
  let wasReached = false;
  return {
    failed: (error) => {
      if (error instanceof Refused) return reach.failed(error);
      const why = hintOf(error, security) ?? (wasReached ? undefined : firstHintOf(error, security));
      reach.failed(why === undefined ? error : new Refused(`${why} (${messageOf(error)})`, { cause: error }));
    },
    reached: () => {
      wasReached = true;
      reach.reached();
    },
  };
}

function hintOf(error: unknown, { sasl }: Security): string | undefined {
  const message = messageOf(error);
  if (error instanceof Error && error.name === 'KafkaJSSASLAuthenticationError') return `the login of ${sasl?.username} is refused; look at FUSEBOARD_KAFKA_SASL_MECHANISM, _USERNAME and _PASSWORD`;
  if (/alert.*certificate|certificate required|alert unknown ca/i.test(message)) return 'the broker takes our certificate for none that it knows; look at FUSEBOARD_KAFKA_TLS_CERT and _KEY';
  if (/altnames|certificate/i.test(message)) return "the broker's certificate can't be trusted; look at FUSEBOARD_KAFKA_TLS_CA and FUSEBOARD_KAFKA_BROKERS";
  return undefined;
}

function firstHintOf(error: unknown, { hasTls, sasl }: Security): string | undefined {
  const message = messageOf(error);
  if (/current SASL state|EOF.*SASL/.test(message)) return 'the broker has no logins there; unset FUSEBOARD_KAFKA_SASL_MECHANISM, or ask another port';
  if (hasTls && /before secure TLS|wrong version number|packet length/.test(message)) return 'the broker speaks no TLS there; unset FUSEBOARD_KAFKA_TLS, or ask another port';
  if (!/Closed connection/.test(message) || (hasTls && sasl !== undefined)) return undefined;
  const wanted = [...(hasTls ? [] : ['TLS (FUSEBOARD_KAFKA_TLS=true)']), ...(sasl === undefined ? ['a login (FUSEBOARD_KAFKA_SASL_MECHANISM)'] : [])];
  return `the broker hangs up at once; it may want ${wanted.join(' or ')}`;
}

/** OpenSSL's comes with a line end. */
function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim();
}
