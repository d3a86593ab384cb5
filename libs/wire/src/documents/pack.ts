/**
 * Documents as proxies read them: packed, without what only their operators ask for, and what many have in common is
 * written once. Of each group of policies that are alike the first is read like any document; the others differ from it
 * in name and host alone, and stay where they lie in the pack.
 */
import { textAt, type AlikeSettings, type Document, type TextColumn, type TrafficSetting } from '#engine';
import { isObject, toText } from '../json.ts';
import { AlikeSetting, plainOf } from './alike.ts';
import { readDocument } from './document.ts';
import { isKeptAsWritten } from './host.ts';
import { scanPack, type Group } from './pack-scan.ts';
import { readUpstreamName } from './traffic-setting.ts';

const VERSION = 1;
const KIND = 'UpstreamTrafficSetting';

/** Fewer take less room one by one. */
const ALIKE_MIN = 4;

export interface PackedDocuments {
  /** In no particular order. */
  readonly documents: readonly Document[];
  /** Beside them, those that are alike. */
  readonly alike: readonly AlikeSettings[];
}

/** @param documents with bodies */
export function encodePack(documents: readonly Document[]): string {
  const groups = new Map<string, Group<string[]>>();
  const others: unknown[] = [];
  for (const { body, version } of documents) {
    const plain = plainOf(body);
    if (plain === undefined) {
      others.push(body);
      continue;
    }
    const { namespace, name, host, spec: { host: _host, ...spec }, rest } = plain;
    const what = `${namespace} ${rest}`;
    const group = groups.get(what) ?? { apiVersion: (body as { apiVersion: string }).apiVersion, namespace, spec, names: [], hosts: [], versions: [] };
    groups.set(what, group);
    group.names.push(name);
    group.hosts.push(host);
    group.versions.push(version);
  }
  return JSON.stringify({ v: VERSION, groups: [...groups.values()], others });
}

/**
 * Keeps the bytes as long as what is alike is kept. Undefined: packed in a way that is not known here.
 * @throws Error a document can't be read
 */
export function decodePack(bytes: Uint8Array): PackedDocuments | undefined {
  const scanned = scanPack(bytes);
  if (scanned === undefined) return parsePack(toText(bytes));
  const { groups, upstreams, others } = scanned;
  const few = groups.filter(({ names }) => names.starts.length < ALIKE_MIN).map((group) => ({ ...group, names: textsOf(group.names), hosts: textsOf(group.hosts), versions: textsOf(group.versions) }));
  const many = groups.filter(({ names }) => names.starts.length >= ALIKE_MIN);
  return { documents: [...upstreams, ...others.map(readWhole), ...few.flatMap(readGroup)], alike: many.map((group) => new AlikeColumns(group)) };
}

function parsePack(text: string): PackedDocuments | undefined {
  const pack: unknown = JSON.parse(text);
  if (!isObject(pack) || pack['v'] !== VERSION) return undefined;
  const { groups, others } = pack as unknown as { readonly groups: readonly Group<readonly string[]>[]; readonly others: readonly unknown[] };
  return { documents: [...others.map(readWhole), ...groups.flatMap(readGroup)], alike: [] };
}

function readWhole(body: unknown): Document {
  const reading = readDocument(body);
  if ('document' in reading) return { ...reading.document, body: undefined };
  throw new Error(reading.problems.map(({ path, message }) => `${path}: ${message}`).join('; '));
}

function readGroup(group: Group<readonly string[]>): Document[] {
  const { namespace, names, hosts, versions } = group;
  const first = readFirst(group, { name: names[0], host: hosts[0] });
  if (names.length === 1) return [first];
  return names.map((name, index) => {
    const upstream = upstreamOf({ name, namespace, host: hosts[index] as string });
    return new PackedSetting({ name, namespace, upstream, version: versions[index] as string }, first) as TrafficSetting;
  });
}

function readFirst({ apiVersion, namespace, spec }: Group<unknown>, { name, host }: { readonly name: string | undefined; readonly host: string | undefined }): TrafficSetting {
  return readWhole({ apiVersion, kind: KIND, metadata: { name, namespace }, spec: { host, ...(spec as object) } }) as TrafficSetting;
}

function upstreamOf({ name, namespace, host }: { readonly name: string; readonly namespace: string; readonly host: string }): string {
  const upstream = readUpstreamName(host, namespace);
  if (upstream === undefined) throw new Error(`${KIND}/${namespace}/${name}: spec.host is no host name`);
  return upstream;
}

function textsOf(column: TextColumn): string[] {
  return Array.from(column.starts, (_, index) => textAt(column, index));
}

function columnOf(texts: readonly string[]): TextColumn {
  let end = 0;
  const ends = Uint32Array.from(texts, (text) => (end += text.length));
  return { bytes: Buffer.from(texts.join(''), 'latin1'), starts: ends.map((each, index) => each - (texts[index] as string).length), ends };
}

class AlikeColumns implements AlikeSettings {
  readonly size: number;
  readonly like: TrafficSetting;
  readonly names: TextColumn;
  readonly upstreams: TextColumn;
  readonly versions: TextColumn;

  constructor(group: Group<TextColumn>) {
    const { namespace, names, hosts, versions } = group;
    this.size = names.starts.length;
    this.like = readFirst(group, { name: textAt(names, 0), host: textAt(hosts, 0) });
    this.names = names;
    const areKept = hosts.starts.every((start, index) => isKeptAsWritten(hosts.bytes, start, hosts.ends[index] as number));
    this.upstreams = areKept ? hosts : columnOf(textsOf(hosts).map((host, index) => upstreamOf({ name: textAt(names, index), namespace, host })));
    this.versions = versions;
  }

  at(index: number): TrafficSetting {
    return new ColumnSetting(this, index) as TrafficSetting;
  }
}

/** What it is asked for is made each time. */
class ColumnSetting extends AlikeSetting {
  readonly #columns: AlikeColumns;
  readonly #index: number;

  constructor(columns: AlikeColumns, index: number) {
    super(columns.like);
    this.#columns = columns;
    this.#index = index;
  }

  get namespace(): string {
    return this.#columns.like.namespace;
  }

  get name(): string {
    return textAt(this.#columns.names, this.#index);
  }

  get upstream(): string {
    return textAt(this.#columns.upstreams, this.#index);
  }

  get version(): string {
    return textAt(this.#columns.versions, this.#index);
  }

  get body(): undefined {
    return undefined;
  }
}

class PackedSetting extends AlikeSetting {
  readonly namespace: string;
  readonly name: string;
  readonly upstream: string;
  readonly version: string;

  constructor({ name, namespace, upstream, version }: Pick<TrafficSetting, 'name' | 'namespace' | 'upstream' | 'version'>, first: TrafficSetting) {
    super(first);
    this.namespace = namespace;
    this.name = name;
    this.upstream = upstream;
    this.version = version;
  }

  get body(): undefined {
    return undefined;
  }
}
