import { createHash } from 'node:crypto';
import type { Commands } from './client.ts';

export interface ScriptCall {
  readonly keys: readonly string[];
  readonly args: readonly (string | Buffer | number)[];
}

/** A Lua script: sent by its hash, and whole where Redis doesn't know it (any more). */
export class Script {
  readonly #text: string;
  readonly #sha: string;

  constructor(text: string) {
    this.#text = text;
    this.#sha = createHash('sha1').update(text).digest('hex');
  }

  /** Strings come as buffers. */
  async run(redis: Commands, { keys, args }: ScriptCall): Promise<unknown> {
    const rest = [keys.length, ...keys, ...args];
    try {
      return await redis.callBuffer('evalsha', [this.#sha, ...rest]);
    } catch (error) {
      if (!(error as Error).message.startsWith('NOSCRIPT')) throw error;
      return await redis.callBuffer('eval', [this.#text, ...rest]);
    }
  }
}
