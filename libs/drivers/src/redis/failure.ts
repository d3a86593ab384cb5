/** What Redis, ioredis or the network says when something fails, as one closed kind of error. */
import { COMMAND_TIMEOUT_MS } from './client.ts';

/**
 * No answer, or an error as the answer; `reach` was told. Never holds the command, whose arguments may be a password or
 * a megabyte of ids.
 */
export class RedisFailure extends Error {
  override readonly name = 'RedisFailure';
  /** First word of Redis' own error, such as READONLY; undefined: it didn't answer. */
  readonly code: string | undefined;

  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}

/** What ioredis says of a command that it didn't send, or whose connection ended: the reason is another's. */
const OF_THE_CLIENT = /^(?:Stream isn't writeable|Reached the max retries|Connection is closed|Command aborted|Cluster isn't ready|None of startup nodes)/;
const REDIRECTED = /^Too many Cluster redirections\. Last error: (?:ReplyError: )?/;
const OF_A_SENTINEL = /^failed to connect to sentinel (\S+) because (.*)$/s;
const REFUSED_US = /^(WRONGPASS|NOAUTH|NOPERM)\b/;

/** @param whyNot the reason where the error itself is none */
export function failureOf(error: unknown, whyNot: () => RedisFailure): RedisFailure {
  if (error instanceof RedisFailure) return error;
  const { name, message, code, lastNodeError } = error as Error & { code?: string; lastNodeError?: Error };
  if (lastNodeError !== undefined && lastNodeError !== null) return failureOf(lastNodeError, whyNot);
  if (name === 'ReplyError') return new RedisFailure(message, codeOf(message));
  if (REDIRECTED.test(message)) return new RedisFailure(message, codeOf(message.replace(REDIRECTED, '')));
  if (message === 'Command timed out') return new RedisFailure(`no answer within ${COMMAND_TIMEOUT_MS} ms`);
  if (OF_THE_CLIENT.test(message)) return whyNot();
  if (message.startsWith('All sentinels are unreachable')) return whyNot();
  const [, sentinel, why = ''] = OF_A_SENTINEL.exec(message) ?? [];
  if (why.includes('No such master')) return new RedisFailure(`Sentinel at ${sentinel} knows no primary of this name`);
  if (sentinel !== undefined) return new RedisFailure(`Sentinel at ${sentinel}: ${why}`, REFUSED_US.exec(why)?.[1]);
  return new RedisFailure(message === '' ? (code ?? name) : message);
}

function codeOf(message: string): string | undefined {
  return message.split(' ', 1)[0];
}
