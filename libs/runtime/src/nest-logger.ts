/** Nest's own lines, through our logger: what Nest calls "log" is detail to us, so it stands at `debug`. */
import type { LoggerService } from '@nestjs/common';
import type { Logger } from './logger.ts';
import { StartError } from './start-error.ts';

export function nestLogger(logger: Logger): LoggerService {
  const write = (level: 'trace' | 'debug' | 'warn' | 'error' | 'fatal') => (message: unknown, ...rest: unknown[]) => {
    // `runMain` says it, without the stack.
    if (message instanceof StartError) return;
    const { context, stack } = ends(rest);
    const fields = { nest: context, ...(message instanceof Error ? { err: message } : stack !== undefined && { stack }) };
    logger[level](fields, message instanceof Error ? message.message : typeof message === 'string' ? message : JSON.stringify(message));
  };
  return { log: write('debug'), debug: write('debug'), verbose: write('trace'), warn: write('warn'), error: write('error'), fatal: write('fatal') };
}

/** Nest passes (message, stack?, context?): the context is the last of them, a stack has line breaks. */
function ends(rest: readonly unknown[]): { context: string | undefined; stack: string | undefined } {
  const texts = rest.filter((part): part is string => typeof part === 'string');
  const stack = texts.find((text) => text.includes('\n'));
  return { context: texts.findLast((text) => text !== stack), stack };
}
