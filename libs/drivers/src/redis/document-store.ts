/** Keeps the documents in force where proxies and consoles read them (V2). Every ingest writes the same. */
import { createHash } from 'node:crypto';
import { documentKey, type Document, type DocumentSet } from '#engine';
import type { Commands } from './client.ts';
import type { Connection } from './connection.ts';
import { scanHash } from './hash-scan.ts';
import { documentKeys, type DocumentKeys } from './keys.ts';
import { Script } from './script.ts';
import { GUARDS } from './script-guards.ts';
import { mapInSlices } from './slices.ts';

/** How often others may write in between before it is left to the next call. */
const TRIES_MAX = 5;

/** Which documents the store has. */
export interface DocumentMeta {
  /** Control offset up to which they are so; -1: none. */
  readonly control: number;
  /** Of the control log; empty: it has no record yet. */
  readonly identity: string;
  /** Over names and versions. */
  readonly digest: string;
}

/** A set of documents, and what tells it from others. */
interface Known {
  readonly documents: readonly Document[];
  readonly digest: string;
}

/** Writes only where the store still is as it was read, so that no older set replaces a newer one. */
const PUBLISH = new Script(`${GUARDS}
local metaKey, bodiesKey = unpack(KEYS)
local control, identity, digest, channel, changed, gone = unpack(ARGV, 4, 9)
local refused = refusal({ 'hash', 'hash' }, {
  { 'HMGET', metaKey, 'control' }, { 'HSET', bodiesKey, '', '' }, { 'HDEL', bodiesKey, '' }, { 'HSET', metaKey, '', '' }, { 'PUBLISH', channel, '' }
})
if refused then return refused end
local its = redis.call('HMGET', metaKey, 'control', 'identity', 'digest')
for i = 1, 3 do
  if (its[i] or '') ~= ARGV[i] then return 'OVERTAKEN' end
end
local first = 10
write('HSET', bodiesKey, first, first + 2 * changed - 1)
first = first + 2 * changed
write('HDEL', bodiesKey, first, first + gone - 1)
redis.call('HSET', metaKey, 'control', control, 'identity', identity, 'digest', digest)
if tonumber(changed) + tonumber(gone) > 0 or its[2] ~= identity then
  redis.call('PUBLISH', channel, '{"control":' .. control .. ',"digest":"' .. digest .. '"}')
end
return 'OK'
`);

export class RedisDocumentStore {
  readonly #connection: Connection;
  readonly #keys: DocumentKeys;
  /** Asked for each second, and seldom others. */
  #known: Known | undefined;

  constructor(connection: Connection, prefix: string) {
    this.#connection = connection;
    this.#keys = documentKeys(prefix);
  }

  /**
   * Writes what differs, all or nothing, and costs one short reading where nothing does. An older offset of the same
   * control log changes nothing, nor does a log without a record where the store knows one that has some.
   */
  async publish(set: DocumentSet): Promise<void> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      if (await this.#connection.ask((redis) => this.#publish(redis, set))) return;
    }
    throw new Error(`the documents were written by others ${TRIES_MAX} times in between`);
  }

  /** False: somebody else wrote in between. */
  async #publish(redis: Commands, set: DocumentSet): Promise<boolean> {
    const { identity = '' } = set;
    const { meta: metaKey, bodies: bodiesKey, changes } = this.#keys;
    const [fields, count] = await Promise.all([redis.hgetall(metaKey), redis.hlen(bodiesKey)]);
    const its = documentMetaOf(fields, metaKey);
    const { documents } = set;
    const digest = await this.#digestOf(documents);
    if (its !== undefined && (its.identity === identity ? its.control > set.control : identity === '')) return true;
    const isWhole = its?.digest === digest && count === documents.length;
    if (isWhole && its.identity === identity && its.control === set.control) return true;
    const { changed, gone } = isWhole ? { changed: [], gone: [] } : await difference(documents, await scanHash((send) => send(redis), bodiesKey));
    const args = [its?.control ?? '', its?.identity ?? '', its?.digest ?? '', set.control, identity, digest, changes, changed.length / 2, gone.length].concat(changed, gone);
    const reply = await PUBLISH.run(redis, { keys: [metaKey, bodiesKey], args });
    return String(reply) === 'OK';
  }

  async #digestOf(documents: readonly Document[]): Promise<string> {
    const before = this.#known;
    if (before?.documents.length === documents.length && before.documents.every((each, index) => each === documents[index])) return before.digest;
    const hash = createHash('sha256');
    for (const [key, body] of await bodiesOf(documents)) hash.update(`${key} ${body}\n`);
    const digest = hash.digest('hex').slice(0, 32);
    this.#known = { documents, digest };
    return digest;
  }
}

/** By key. */
async function bodiesOf(documents: readonly Document[]): Promise<(readonly [key: string, body: string])[]> {
  const bodies = await mapInSlices(documents, (document) => [documentKey(document), JSON.stringify(document.body)] as const);
  return bodies.toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** `changed`: key, body, key, body … */
async function difference(documents: readonly Document[], stored: ReadonlyMap<string, string>): Promise<{ changed: string[]; gone: string[] }> {
  const bodies = await bodiesOf(documents);
  const wanted = new Set(bodies.map(([key]) => key));
  return { changed: bodies.filter(([key, body]) => stored.get(key) !== body).flat(), gone: [...stored.keys()].filter((key) => !wanted.has(key)) };
}

/** Undefined: the store has none, which says nothing of which are in force. */
export function documentMetaOf(fields: Readonly<Record<string, string>>, key: string): DocumentMeta | undefined {
  const { control, identity, digest } = fields;
  if (digest === undefined) return undefined;
  const offset = Number(control ?? Number.NaN);
  if (!Number.isSafeInteger(offset) || identity === undefined) throw new Error(`${key}: control is "${control}", identity "${identity}"; allowed: a whole number and a text`);
  return { control: offset, identity, digest };
}
