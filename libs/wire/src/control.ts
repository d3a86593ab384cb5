/**
 * The control log's records (C1). A document is stored as the operator wrote it and read again through the document
 * reader, so that an old log replays on new code; its hash is over the record's bytes, for marks to repeat (C2).
 */
import { hash } from 'node:crypto';
import { documentKey } from '#engine';
import type { ControlChange, ControlDraft, ControlRecord, Document, DocumentKey } from '#engine';
import { scanApplied } from './control-scan.ts';
import { readDocument } from './documents/document.ts';
import { Fields, given, UnreadableRecord } from './fields.ts';
import { toBytes } from './json.ts';

export function encodeControl(draft: ControlDraft): Uint8Array {
  const { author, reason, source, change } = draft;
  return toBytes({ v: 1, kind: change.kind, author, reason, source, ...changeFields(change) });
}

function changeFields(change: ControlChange): object {
  switch (change.kind) {
    case 'apply':
      return { document: { ...keyOf(change.document), version: change.document.version, body: change.document.body }, replaces: change.replaces, written: change.written };
    case 'delete':
      return { document: keyOf(change.document), replaces: change.replaces };
    case 'force':
      return { upstream: change.upstream, to: change.to, durationMs: change.durationMs };
    case 'clear':
      return { upstream: change.upstream };
    case 'incarnation':
      return { partition: change.partition, number: change.number, identity: change.identity, startOffset: change.startOffset };
    case 'engine':
      return { version: change.version };
  }
}

function keyOf({ kind, namespace, name }: DocumentKey): DocumentKey {
  return { kind, namespace, name };
}

/** Throws `UnreadableRecord`, which names the offset: only operators write this log, and a fold without one of its records would be another fold. */
export function decodeControl(bytes: Uint8Array, { offset, appendMs }: { readonly offset: number; readonly appendMs: number }): ControlRecord {
  const { author, reason, source, change } = scanApplied(bytes) ?? readControl(Fields.of(`the control record at offset ${offset}`, bytes));
  return { offset, appendMs, hash: hash('sha256', bytes, 'hex'), author, reason, source, change };
}

export function readControl(fields: Fields): Pick<ControlRecord, 'author' | 'reason' | 'source' | 'change'> {
  return {
    author: fields.text('author'),
    reason: fields.text('reason'),
    source: fields.oneOf('source', ['directory', 'api', 'fuseboard']),
    change: readChange(fields),
  };
}

function readChange(fields: Fields): ControlChange {
  const kind = fields.oneOf('kind', ['apply', 'delete', 'force', 'clear', 'incarnation', 'engine']);
  switch (kind) {
    case 'apply':
      return { kind, document: readApplied(fields.object('document')), ...readReplaced(fields), ...given('written', fields.has('written') ? fields.text('written') : undefined) };
    case 'delete':
      return { kind, document: readKey(fields.object('document')), ...readReplaced(fields) };
    case 'force':
      return {
        kind,
        upstream: fields.text('upstream'),
        to: fields.oneOf('to', ['open', 'closed']),
        ...given('durationMs', fields.has('durationMs') ? fields.number('durationMs') : undefined),
      };
    case 'clear':
      return { kind, upstream: fields.text('upstream') };
    case 'incarnation':
      return {
        kind,
        partition: fields.integer('partition'),
        number: fields.integer('number'),
        identity: fields.text('identity'),
        startOffset: fields.integer('startOffset'),
      };
    case 'engine':
      return { kind, version: fields.integer('version', 1) };
  }
}

function readReplaced(fields: Fields): { replaces?: string } {
  return given('replaces', fields.has('replaces') ? fields.text('replaces') : undefined);
}

function readApplied(fields: Fields): Document {
  const key = documentKey(readKey(fields));
  const reading = readDocument(fields.raw('body'));
  if ('problems' in reading) {
    const said = reading.problems.map((problem) => `${problem.path}: ${problem.message}`).join('; ');
    throw new UnreadableRecord(`${fields.what}: ${key} can't be read: ${said}`);
  }
  const found = documentKey(reading.document);
  if (found !== key) throw new UnreadableRecord(`${fields.what}: it is said to be of ${key} but its document is ${found}`);
  return reading.document;
}

function readKey(fields: Fields): DocumentKey {
  return {
    kind: fields.oneOf('kind', ['UpstreamTrafficSetting', 'Upstream']),
    namespace: fields.text('namespace'),
    name: fields.text('name'),
  };
}
