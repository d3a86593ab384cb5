/**
 * Documents as proxies read them: packed, without what only their operators ask for, and what many have in common is
 * written once. Of each group of policies that are alike the first is read like any document; the others differ from it
 * in name and host alone.
 */
import type { Document, TrafficSetting } from '#engine';
import { isObject, type JsonObject } from '../json.ts';
import { AlikeSetting, plainOf } from './alike.ts';
import { readDocument } from './document.ts';
import { readUpstreamName } from './traffic-setting.ts';

const VERSION = 1;
const KIND = 'UpstreamTrafficSetting';

/** Policies that differ in name and host alone. */
interface Group {
  readonly apiVersion: string;
  readonly namespace: string;
  /** Without the host. */
  readonly spec: JsonObject;
  /** Of each, at the same place. */
  readonly names: string[];
  readonly hosts: string[];
  readonly versions: string[];
}

/** @param documents with bodies */
export function encodePack(documents: readonly Document[]): string {
  const groups = new Map<string, Group>();
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
 * In no particular order. Undefined: packed in a way that is not known here.
 * @throws Error a document can't be read
 */
export function decodePack(text: string): Document[] | undefined {
  const pack: unknown = JSON.parse(text);
  if (!isObject(pack) || pack['v'] !== VERSION) return undefined;
  const { groups, others } = pack as unknown as { readonly groups: readonly Group[]; readonly others: readonly unknown[] };
  return [...others.map(readWhole), ...groups.flatMap(readGroup)];
}

function readWhole(body: unknown): Document {
  const reading = readDocument(body);
  if ('document' in reading) return { ...reading.document, body: undefined };
  throw new Error(reading.problems.map(({ path, message }) => `${path}: ${message}`).join('; '));
}

function readGroup({ apiVersion, namespace, spec, names, hosts, versions }: Group): Document[] {
  const body = { apiVersion, kind: KIND, metadata: { name: names[0], namespace }, spec: { host: hosts[0], ...spec } };
  const first = readWhole(body) as TrafficSetting;
  if (names.length === 1) return [first];
  return names.map((name, index) => {
    const upstream = readUpstreamName(hosts[index] as string, namespace);
    if (upstream === undefined) throw new Error(`${KIND}/${namespace}/${name}: spec.host is no host name`);
    return new PackedSetting({ name, namespace, upstream, version: versions[index] as string }, first) as TrafficSetting;
  });
}

class PackedSetting extends AlikeSetting {
  readonly version: string;

  constructor({ version, ...own }: Pick<TrafficSetting, 'name' | 'namespace' | 'upstream' | 'version'>, first: TrafficSetting) {
    super(own, first);
    this.version = version;
  }

  get body(): undefined {
    return undefined;
  }
}
