/** Keeps the documents in force where proxies and consoles read them (V2). Every ingest writes the same. */
import { createHash } from 'node:crypto';
import { documentKey, type Document, type DocumentSet } from '#engine';
import type { Commands } from './client.ts';
import type { Connection } from './connection.ts';
import { packsOf } from './document-packs.ts';
import { scanHash } from './hash-scan.ts';
import { documentKeys, type DocumentKeys } from './keys.ts';
import { Script } from './script.ts';
import { GUARDS } from './script-guards.ts';
import { mapInSlices } from './slices.ts';

/** How often others may write in between before it is left to the next call. */
const TRIES_MAX = 5;

/**
 * Where the store says that it has the documents of this very offset of this control log, so long after the start it is
 * taken at its word, ms: to hash them all takes long, and there are partitions to be restored.
 */
const BELIEVED_FOR_MS = 10_000;

/** Bodies: a call for each takes longer than their hash. */
const HASHED_AT_ONCE = 100;

/** Which documents the store has. */
export interface DocumentMeta {
  /** Control offset up to which they are so; -1: none. */
  readonly control: number;
  /** Of the control log; empty: it has no record yet. */
  readonly identity: string;
  /** Over names and bodies. */
  readonly digest: string;
  /** How many packs there are of this digest (document-packs.ts); undefined: who wrote it knew none. */
  readonly packs: number | undefined;
}

/** A set of documents, and what tells it from others. */
interface Known {
  readonly documents: readonly Document[];
  readonly digest: string;
}

/** Writes only where the store still is as it was read, so that no older set replaces a newer one. */
const PUBLISH = new Script(`${GUARDS}
local metaKey, bodiesKey, packsKey = unpack(KEYS)
local control, identity, digest, packs, channel, changed, gone, packed, unpacked = unpack(ARGV, 4, 12)
local refused = refusal({ 'hash', 'hash', 'hash' }, {
  { 'HMGET', metaKey, 'control' }, { 'HSET', bodiesKey, '', '' }, { 'HDEL', bodiesKey, '' }, { 'HSET', metaKey, '', '' }, { 'PUBLISH', channel, '' }
})
if refused then return refused end
local its = redis.call('HMGET', metaKey, 'control', 'identity', 'digest')
for i = 1, 3 do
  if (its[i] or '') ~= ARGV[i] then return 'OVERTAKEN' end
end
local first = 13
local function take(command, key, count)
  write(command, key, first, first + count - 1)
  first = first + count
end
take('HSET', bodiesKey, 2 * changed)
take('HDEL', bodiesKey, gone)
take('HSET', packsKey, 2 * packed)
take('HDEL', packsKey, unpacked)
redis.call('HSET', metaKey, 'control', control, 'identity', identity, 'digest', digest, 'packs', packs)
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
  readonly #believedUntilMs = performance.now() + BELIEVED_FOR_MS;

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
    const { identity = '', documents, control } = set;
    const { meta: metaKey, bodies: bodiesKey, packs: packsKey, changes } = this.#keys;
    const [fields, count, packCount] = await Promise.all([redis.hgetall(metaKey), redis.hlen(bodiesKey), redis.hlen(packsKey)]);
    const its = documentMetaOf(fields, metaKey);
    if (its !== undefined && (its.identity === identity ? its.control > control : identity === '')) return true;
    const isSaidToBe = its?.identity === identity && its.control === control && count === documents.length && its.packs === packCount;
    if (isSaidToBe && this.#known === undefined && performance.now() < this.#believedUntilMs) return true;
    const digest = await this.#digestOf(documents);
    const isWhole = its?.digest === digest && count === documents.length;
    const arePacked = its?.digest === digest && its.packs === packCount;
    if (isWhole && arePacked && its.identity === identity && its.control === control) return true;
    const stored = (key: string): Promise<Map<string, string>> => scanHash((send) => send(redis), key);
    const bodies = isWhole ? NOTHING : difference(new Map(await bodiesOf(documents)), await stored(bodiesKey));
    const wanted = arePacked ? undefined : await packsOf(documents);
    const packs = wanted === undefined ? NOTHING : difference(wanted, await stored(packsKey));
    const counts = [bodies.changed.length / 2, bodies.gone.length, packs.changed.length / 2, packs.gone.length];
    const args = [its?.control ?? '', its?.identity ?? '', its?.digest ?? '', control, identity, digest, `${digest}/${wanted?.size ?? packCount}`, changes, ...counts];
    const reply = await PUBLISH.run(redis, { keys: [metaKey, bodiesKey, packsKey], args: args.concat(bodies.changed, bodies.gone, packs.changed, packs.gone) });
    return String(reply) === 'OK';
  }

  async #digestOf(documents: readonly Document[]): Promise<string> {
    const before = this.#known;
    if (before?.documents.length === documents.length && before.documents.every((each, index) => each === documents[index])) return before.digest;
    const hash = createHash('sha256');
    // Made as they are hashed: together they are as large as all documents.
    const some: string[] = [];
    await mapInSlices(byKey(documents), ([key, { body }]) => {
      if (some.push(`${key} ${JSON.stringify(body)}\n`) === HASHED_AT_ONCE) hash.update(some.splice(0).join(''));
    });
    hash.update(some.join(''));
    const digest = hash.digest('hex').slice(0, 32);
    this.#known = { documents, digest };
    return digest;
  }
}

async function bodiesOf(documents: readonly Document[]): Promise<(readonly [key: string, body: string])[]> {
  return await mapInSlices(byKey(documents), ([key, { body }]) => [key, JSON.stringify(body)] as const);
}

function byKey(documents: readonly Document[]): (readonly [key: string, document: Document])[] {
  return documents.map((document) => [documentKey(document), document] as const).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

interface Difference {
  /** Field, value, field, value … */
  readonly changed: readonly string[];
  readonly gone: readonly string[];
}

const NOTHING: Difference = { changed: [], gone: [] };

function difference(wanted: ReadonlyMap<string, string>, stored: ReadonlyMap<string, string>): Difference {
  return { changed: [...wanted].filter(([field, value]) => stored.get(field) !== value).flat(), gone: [...stored.keys()].filter((field) => !wanted.has(field)) };
}

/** Undefined: the store has none, which says nothing of which are in force. */
export function documentMetaOf(fields: Readonly<Record<string, string>>, key: string): DocumentMeta | undefined {
  const { control, identity, digest, packs = '' } = fields;
  const [ofDigest, count] = packs.split('/');
  if (digest === undefined) return undefined;
  const offset = Number(control ?? Number.NaN);
  if (!Number.isSafeInteger(offset) || identity === undefined) throw new Error(`${key}: control is "${control}", identity "${identity}"; allowed: a whole number and a text`);
  return { control: offset, identity, digest, packs: ofDigest === digest ? Number(count) : undefined };
}
