/**
 * A pack, read from its bytes as `encodePack` writes them: what is alike stays where it lies. It gives exactly what the
 * reader of JSON gives for the same bytes, or nothing, and then they are that one's to read; pack-scan.spec.ts holds the two
 * together. Every proxy reads all packs as it starts, and whenever a document changed.
 */
import type { TextColumn, UpstreamDocument } from '#engine';
import { Spelling } from '../interned.ts';
import { PlainJson } from '../plain-json.ts';
import { PackedUpstream, scanUpstream } from './alike-upstream.ts';

const GROUPS = new Spelling('{"v":1,"groups":[');
const FIRST = new Spelling('{"apiVersion":"');
const NEXT = new Spelling(',{"apiVersion":"');
const NAMESPACE = new Spelling('","namespace":"');
const SPEC = new Spelling('","spec":');
const NAMES = new Spelling(',"names":[');
const HOSTS = new Spelling(',"hosts":[');
const VERSIONS = new Spelling(',"versions":[');
const GROUP_END = new Spelling('}');
const OTHERS = new Spelling('],"others":[');
const COMMA = new Spelling(',');
const END = new Spelling(']}');

/** Policies that differ in name and host alone, as they are written in a pack. */
export interface Group<Texts> {
  readonly apiVersion: string;
  readonly namespace: string;
  /** Without the host. */
  readonly spec: unknown;
  /** Of each, at the same place. */
  readonly names: Texts;
  readonly hosts: Texts;
  readonly versions: Texts;
}

export interface ScannedPack {
  readonly groups: readonly Group<TextColumn>[];
  /** Of the others, those that are like one that was read before. */
  readonly upstreams: readonly UpstreamDocument[];
  readonly others: readonly unknown[];
}

const json = new PlainJson();

/** Undefined: these bytes are for the reader of JSON. */
export function scanPack(bytes: Uint8Array): ScannedPack | undefined {
  json.begin(bytes);
  if (!json.skips(GROUPS)) return undefined;
  const groups: Group<TextColumn>[] = [];
  for (let isMore = json.skips(FIRST); isMore; isMore = json.skips(NEXT)) {
    const group = scanGroup();
    if (group === undefined) return undefined;
    groups.push(group);
  }
  json.pass(OTHERS);
  const [upstreams, others]: [UpstreamDocument[], unknown[]] = [[], []];
  for (let isMore = !json.isAt(END); isMore; isMore = json.skips(COMMA)) {
    const upstream = json.attempt(() => scanUpstream(json, PackedUpstream));
    if (upstream === undefined) others.push(json.value());
    else upstreams.push(upstream);
  }
  json.pass(END);
  return json.isRead ? { groups, upstreams, others } : undefined;
}

/** Undefined: they are not as many names as hosts and versions. */
function scanGroup(): Group<TextColumn> | undefined {
  const apiVersion = json.text();
  json.pass(NAMESPACE);
  const namespace = json.text();
  json.pass(SPEC);
  const spec = json.value();
  const [names, hosts, versions] = [textsBehind(NAMES), textsBehind(HOSTS), textsBehind(VERSIONS)];
  json.pass(GROUP_END);
  const count = names.starts.length;
  return hosts.starts.length === count && versions.starts.length === count ? { apiVersion, namespace, spec, names, hosts, versions } : undefined;
}

function textsBehind(spelling: Spelling): TextColumn {
  json.pass(spelling);
  return json.places();
}
