/**
 * The processes of a fleet, as one hash: each field is one of them, each value the store's time when it was heard of and
 * its heartbeat. No key of ours expires (docs/redis.md), so what is forgotten is dropped by who sweeps. It is a display:
 * what fails here says nothing of whether states can be read, and makes nobody unready.
 */
import { FORGOTTEN_AFTER_MS, presenceKey, type Heartbeat, type Presence, type Present } from '#engine';
import { decodeHeartbeat, encodeHeartbeat } from '#wire';
import type { Commands } from './client.ts';
import type { Connection } from './connection.ts';
import { RedisFailure } from './failure.ts';
import { scanHash } from './hash-scan.ts';
import { presenceHash, presencePattern } from './keys.ts';
import { mapInSlices } from './slices.ts';

/** More are neither listed nor swept at once. */
const PROCESSES_MAX = 20_000;
/** In one command; a heartbeat has about 500 bytes. */
const FIELDS_MAX = 500;

export class RedisPresence implements Presence {
  readonly #connection: Connection;
  readonly #key: string;
  readonly #pattern: string;

  constructor(connection: Connection, prefix: string) {
    this.#connection = connection;
    this.#key = presenceHash(prefix);
    this.#pattern = presencePattern(prefix);
  }

  async beat(beats: readonly Present[]): Promise<void> {
    const nowMs = await this.#nowMs();
    const fields = beats.map(({ heartbeat, ageMs }) => [presenceKey(heartbeat), `${Math.round(nowMs - ageMs)} ${Buffer.from(encodeHeartbeat(heartbeat)).toString()}`] as const);
    for (let from = 0; from < fields.length; from += FIELDS_MAX) {
      await this.#ask((redis) => redis.hset(this.#key, ...fields.slice(from, from + FIELDS_MAX).flat()));
    }
  }

  /** Said by a value, so that a proxy need not be allowed to delete. */
  async leave(heartbeat: Heartbeat): Promise<void> {
    await this.#ask((redis) => redis.hset(this.#key, presenceKey(heartbeat), ''));
  }

  async list(): Promise<readonly Present[]> {
    const { nowMs, values } = await this.#read();
    return (await mapInSlices([...values.values()], (value) => readPresent(value, nowMs))).filter((each) => each !== undefined);
  }

  async sweep(): Promise<void> {
    const { nowMs, values } = await this.#read();
    const gone = [...values].filter(([, value]) => isForgotten(timeOf(value), nowMs)).map(([field]) => field);
    for (let from = 0; from < gone.length; from += FIELDS_MAX) {
      await this.#ask((redis) => redis.hdel(this.#key, ...gone.slice(from, from + FIELDS_MAX)));
    }
  }

  async #read(): Promise<{ readonly nowMs: number; readonly values: ReadonlyMap<string, string> }> {
    const nowMs = await this.#nowMs();
    return { nowMs, values: await scanHash((send) => this.#ask(send), this.#key, { fieldsMax: PROCESSES_MAX }) };
  }

  /** One clock for all. */
  async #nowMs(): Promise<number> {
    const [seconds, micros] = await this.#ask((redis) => redis.time());
    return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
  }

  async #ask<T>(send: (redis: Commands) => Promise<T>): Promise<T> {
    try {
      return await this.#connection.askAside(send);
    } catch (error) {
      if (error instanceof RedisFailure && error.code === 'NOPERM' && !/'[^']+' command/.test(error.message)) {
        throw new RedisFailure(`${error.message}; needed: ${this.#pattern}`, error.code);
      }
      throw error;
    }
  }
}

/** Of a value, ms since 1970; of who left, none. It stands before what a newer version may write otherwise. */
function timeOf(value: string): number {
  return Number.parseInt(value, 10);
}

/** Also one that was heard of long from now, of a server whose clock was put back. */
function isForgotten(atMs: number, nowMs: number): boolean {
  return !(Math.abs(nowMs - atMs) < FORGOTTEN_AFTER_MS);
}

/** Undefined: it left, is forgotten, or can't be read here. */
function readPresent(value: string, nowMs: number): Present | undefined {
  const atMs = timeOf(value);
  if (isForgotten(atMs, nowMs)) return undefined;
  try {
    return { heartbeat: decodeHeartbeat(Buffer.from(value.slice(value.indexOf(' ') + 1))), ageMs: Math.max(0, nowMs - atMs) };
  } catch {
    return undefined;
  }
}
