/** K1 and K2 as one Lua call: compares, then writes all or nothing, then tells who listens. */
import type { Commit, CommitAnswer, OutboxEntry } from '#engine';
import { encodeSnapshot, encodeTransition } from '#wire';
import { ID_BYTES, IDS_MAX, packIds } from './id-chunks.ts';
import type { PartitionKeys } from './keys.ts';
import { META_VERSION } from './partition-meta.ts';
import { Script, type ScriptCall } from './script.ts';
import { GUARDS } from './script-guards.ts';

/** A commit whose snapshots are larger tells only that there was one; readers read them. */
const TOLD_BYTES_MAX = 65_536;

export const COMMIT = new Script(`${GUARDS}
local metaKey, snapshotsKey, idsKey, outboxKey, epochsKey = unpack(KEYS)
local group, epoch, incarnation, commitId, expected, next, clock, control = unpack(ARGV, 1, 8)
local rewrite, restoringTo, partitions, channel, tells, log, engine, snapshots, outbox, chunks, ids = unpack(ARGV, 9, 19)
local first = 20
local refused = refusal({ 'hash', 'hash', 'list', 'hash', 'hash' }, {
  { 'HGET', epochsKey, group }, { 'HMGET', metaKey, 'next' }, { 'HSET', metaKey, 'next', next }, { 'HDEL', metaKey, 'restoringTo' },
  { 'DEL', snapshotsKey }, { 'HSET', snapshotsKey, '', '' }, { 'HSETNX', outboxKey, '', '' }, { 'RPUSH', idsKey, '' },
  { 'LINDEX', idsKey, 0 }, { 'LPOP', idsKey }, { 'PUBLISH', channel, '' }
})
if refused then return refused end

local its = redis.call('HMGET', metaKey, 'partitions', 'incarnation', 'next', 'sequence', 'restoringTo', 'commitId', 'ids', 'engine', 'v')
local itsPartitions, itsIncarnation, itsNext, itsSequence, itsRestoringTo, itsCommitId, itsIds, itsEngine, itsVersion = unpack(its, 1, 9)
if itsNext and itsPartitions ~= partitions then
  return redis.error_reply('PARTITIONS ' .. metaKey .. ' was written with ' .. itsPartitions .. ' partitions, this commit with ' .. partitions)
end
if tonumber(itsVersion or '1') > ${META_VERSION} then
  return redis.error_reply('VERSION ' .. metaKey .. ' was written by a newer Fuseboard: version ' .. itsVersion .. ', this one knows ${META_VERSION}')
end

-- K2, first that fits: as libs/drivers/src/embedded/commit-answer.ts has it.
if itsNext and itsCommitId == commitId then return { 'ALREADY' } end
if tonumber(epoch) < tonumber(redis.call('HGET', epochsKey, group) or '0') then return { 'FENCED' } end
if not itsNext then
  if expected ~= '' then return { 'REGRESSED' } end
elseif tonumber(incarnation) < tonumber(itsIncarnation) then
  return { 'FENCED' }
elseif tonumber(incarnation) > tonumber(itsIncarnation) then
  if rewrite == '' then return { 'REGRESSED', itsNext } end
elseif expected == '' or tonumber(itsNext) > tonumber(expected) then
  return { 'AHEAD', itsNext }
elseif tonumber(engine == '' and '1' or engine) < tonumber(itsEngine or '1') then
  return { 'FENCED' }
elseif tonumber(itsNext) < tonumber(expected) then
  return { 'REGRESSED', itsNext }
end

-- K1. First of all a write that a full memory refuses: what follows a DEL would be let through.
local sequence = string.format('%.0f', tonumber(itsSequence or '0') + 1)
redis.call('HSET', metaKey, 'partitions', partitions, 'incarnation', incarnation, 'next', next, 'clock', clock,
  'control', control, 'sequence', sequence, 'commitId', commitId, 'v', '${META_VERSION}')
for name, value in pairs({ log = log, engine = engine }) do
  if value == '' then redis.call('HDEL', metaKey, name) else redis.call('HSET', metaKey, name, value) end
end
if restoringTo == '' and itsIncarnation == incarnation then restoringTo = itsRestoringTo or '' end
if restoringTo ~= '' and tonumber(next) >= tonumber(restoringTo) then restoringTo = '' end
if restoringTo == '' then redis.call('HDEL', metaKey, 'restoringTo') else redis.call('HSET', metaKey, 'restoringTo', restoringTo) end

-- What is left beside a lost meta is as lost as that.
local replaces = rewrite ~= '' or not itsNext
if replaces then redis.call('DEL', snapshotsKey, idsKey) end
write('HSET', snapshotsKey, first, first + 2 * snapshots - 1)
local told = first
first = first + 2 * snapshots
for i = 0, outbox - 1 do
  redis.call('HSETNX', outboxKey, ARGV[first + 2 * i], sequence .. ' ' .. i .. ' ' .. ARGV[first + 2 * i + 1])
end
first = first + 2 * outbox
write('RPUSH', idsKey, first, first + chunks - 1)

-- K4: whole chunks go, as long as enough stay.
local kept = ids + (replaces and 0 or tonumber(itsIds or '0'))
while kept > ${IDS_MAX} do
  local oldest = #(redis.call('LINDEX', idsKey, 0) or '') / ${ID_BYTES}
  if oldest == 0 or kept - oldest < ${IDS_MAX} then break end
  redis.call('LPOP', idsKey)
  kept = kept - oldest
end
redis.call('HSET', metaKey, 'ids', string.format('%.0f', kept))

-- V3: a line of meta, then a line for each snapshot.
local lines = { '{"incarnation":' .. incarnation .. ',"next":' .. next .. ',"clock":' .. clock .. ',"control":' .. control
  .. ',"sequence":' .. sequence .. (restoringTo == '' and '' or ',"restoringTo":' .. restoringTo)
  .. (replaces and '' or ',"after":{"next":' .. itsNext .. ',"sequence":' .. itsSequence .. '}') .. ',"snapshots":' .. snapshots .. '}' }
if tells ~= '' then
  for i = 0, snapshots - 1 do lines[i + 2] = ARGV[told + 2 * i + 1] end
end
redis.call('PUBLISH', channel, table.concat(lines, '\\n'))
return { 'OK' }
`);

const readingAnd = (last: string, needed: string): Script =>
  new Script(`${GUARDS}
local metaKey, snapshotsKey, idsKey, outboxKey, epochsKey = unpack(KEYS)
local refused = refusal({ 'hash', 'hash', 'list', 'hash', 'hash' }, {
  { 'HGETALL', metaKey }, { 'HVALS', snapshotsKey }, { 'LRANGE', idsKey, 0, -1 }, ${needed}
})
if refused then return refused end
return {
  redis.call('HGETALL', metaKey),
  redis.call('HVALS', snapshotsKey),
  redis.call('LRANGE', idsKey, 0, -1),
  redis.call('HGETALL', outboxKey),
  ${last}
}
`);

/** Reads all that an owner starts from, and counts its epoch, at one moment (K1). */
export const CLAIM = readingAnd("redis.call('HINCRBY', epochsKey, ARGV[1], 1),", "{ 'HINCRBY', epochsKey, '', 1 }");

/** The same, for who only looks. */
export const READ = readingAnd('', '');

export const keysOf = ({ meta, snapshots, ids, outbox, epochs }: PartitionKeys): string[] => [meta, snapshots, ids, outbox, epochs];

export function commitCall(commit: Commit, keys: PartitionKeys, partitions: number): ScriptCall {
  const { group, epoch, incarnation, commitId, expected, next, clockMs, control, rewrite, restoringTo, log = '', engine = '' } = commit;
  const snapshots = commit.snapshots.flatMap((snapshot) => [snapshot.upstream, bufferOf(encodeSnapshot(snapshot))]);
  const outbox = commit.outbox.flatMap((entry) => [outboxField(entry), bufferOf(encodeTransition(entry.transition))]);
  const chunks = packIds(commit.ids);
  const bytes = snapshots.reduce((sum, value) => sum + value.length, 0);
  const said = [group, epoch, incarnation, commitId, expected ?? '', next, clockMs, control];
  const how = [rewrite === true ? '1' : '', restoringTo ?? '', partitions, keys.changes, bytes <= TOLD_BYTES_MAX ? '1' : '', log, engine];
  const counts = [commit.snapshots.length, commit.outbox.length, chunks.length, Math.min(commit.ids.length, IDS_MAX)];
  return { keys: keysOf(keys), args: [...said, ...how, ...counts, ...snapshots, ...outbox, ...chunks] };
}

/** The offset isn't part of a transition, and what tells two entries apart is all here. */
export function outboxField({ offset, transition: { incarnation, generation, upstream } }: OutboxEntry): string {
  return `${offset} ${incarnation} ${generation} ${upstream}`;
}

export function answerOf(reply: unknown): CommitAnswer {
  const [kind, next] = (reply as readonly Buffer[]).map(String);
  switch (kind) {
    case 'OK':
    case 'ALREADY':
    case 'FENCED':
      return { kind };
    case 'AHEAD':
      return { kind, next: Number(next) };
    case 'REGRESSED':
      return { kind, ...(next === undefined ? {} : { next: Number(next) }) };
    default:
      throw new Error(`assertion: a commit is answered "${kind}"`);
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
