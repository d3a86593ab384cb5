/**
 * One document, from the plain value that YAML, JSON or the control log gave: which kind it is, who it is, and what
 * it means with every default put in.
 */
import type { Document, DocumentKey } from '#engine';
import { given } from '../fields.ts';
import { isObject } from '../json.ts';
import { NAME, NAMESPACE, readAlike, rememberReading } from './alike.ts';
import { readAlikeUpstream, rememberUpstream } from './alike-upstream.ts';
import { pathText, Place } from './place.ts';
import type { Note, Notes, Path } from './place.ts';
import { readTrafficSetting } from './traffic-setting.ts';
import { suggestion } from './suggestion.ts';
import { readUpstream } from './upstream.ts';
import { canonical, versionOf } from './version.ts';

const API_VERSIONS = {
  UpstreamTrafficSetting: 'policy.openservicemesh.io/v1alpha1',
  Upstream: 'fuseboard.dev/v1',
} as const satisfies Record<DocumentKey['kind'], string>;
const KINDS = ['UpstreamTrafficSetting', 'Upstream'] as const;
const DEFAULT_NAMESPACE = 'default';
const OUR_ANNOTATIONS = 'fuseboard.dev/';
/** C4. */
const ENFORCE = 'fuseboard.dev/enforce';
/** One record of the control log holds it, with room to spare below a broker's usual 1 MiB. */
const DOCUMENT_BYTES_MAX = 524_288;
/** A character is three bytes at most, and what is beside the spec is short. */
const SURELY_SMALL_CHARS = DOCUMENT_BYTES_MAX / 4;

/** A problem or a warning without a file: the field's path, and what is allowed there. */
export interface FieldNote {
  readonly path: string;
  readonly message: string;
}

/** Reads what `Document.body` holds, or any parsed document. For files, with line and column: `readDocuments`. */
export function readDocument(
  body: unknown,
): { readonly document: Document; readonly warnings: readonly FieldNote[] } | { readonly problems: readonly FieldNote[] } {
  const reading = readAt(body, []);
  return 'problems' in reading
    ? { problems: reading.problems.map(fieldNote) }
    : { document: reading.document, warnings: reading.warnings.map(fieldNote) };
}

function fieldNote(note: Note): FieldNote {
  return { path: pathText(note.path), message: note.message };
}

export type DocumentReading = { readonly document: Document; readonly warnings: readonly Note[] } | { readonly problems: readonly Note[] };

/** `path`: where the document stands in its file (an item of a List has `items`, index). */
export function readAt(value: unknown, path: Path): DocumentReading {
  const alike = readAlike(value) ?? readAlikeUpstream(value);
  if (alike !== undefined) return { document: alike, warnings: [] };
  const notes: Notes = { problems: [], warnings: [] };
  const document = readWhole(new Place(value, path, notes));
  if (document === undefined || notes.problems.length > 0) return { problems: notes.problems };
  if (notes.warnings.length === 0) remember(document);
  return { document, warnings: notes.warnings };
}

function remember(document: Document): void {
  if (document.kind === 'Upstream') rememberUpstream(document);
  else rememberReading(document);
}

function readWhole(root: Place): Document | undefined {
  if (!isObject(root.value)) {
    root.refuse('an object with apiVersion, kind, metadata, spec');
    return undefined;
  }
  const kind = root.at('kind').oneOf(KINDS);
  // The rest of an unknown kind can't be judged.
  if (root.value['kind'] !== kind) return undefined;
  root.hasOnly(['apiVersion', 'kind', 'metadata', 'spec', 'status']);
  root.at('apiVersion').oneOf([API_VERSIONS[kind]]);
  const { name, namespace } = readName(root.at('metadata'));
  const spec = root.at('spec');
  const isEnforced = readEnforce(root.at('metadata').at('annotations'));
  if (kind === 'Upstream') {
    const upstream = readUpstream(spec, namespace);
    if (!isEnforced) warnOfEnforce(root, 'an Upstream');
    return upstream && finish(root, { key: { kind, namespace, name }, isEnforced: true }, (base) => ({ ...base, kind, ...upstream }));
  }
  const setting = readTrafficSetting(spec, namespace);
  if (setting === undefined) return undefined;
  const { breaker, ...rest } = setting;
  if (!isEnforced && breaker === undefined) warnOfEnforce(root, 'a policy without circuitBreaking');
  return finish(root, { key: { kind, namespace, name }, isEnforced }, (base) => {
    const identity = { name, namespace, version: base.version, ...given('enforced', isEnforced ? undefined : (false as const)) };
    return { ...base, kind, ...rest, ...given('breaker', breaker && { identity, ...breaker }) };
  });
}

/** Hashes a spec only once it is known to be sound, and so of bounded depth. */
function finish(root: Place, { key, isEnforced }: { key: DocumentKey; isEnforced: boolean }, make: (base: Omit<Document, 'kind'>) => Document): Document | undefined {
  if (root.notes.problems.length > 0) return undefined;
  const { namespace, name } = key;
  const body = bodyOf(key, root);
  const content = canonical({ kind: key.kind, namespace, name, spec: root.at('spec').value, ...given('enforced', isEnforced ? undefined : false) });
  const bytes = content.length < SURELY_SMALL_CHARS && !('annotations' in body.metadata) ? 0 : Buffer.byteLength(JSON.stringify(body));
  if (bytes > DOCUMENT_BYTES_MAX) {
    root.problem(`found ${bytes} bytes as JSON; allowed: at most ${DOCUMENT_BYTES_MAX}`);
    return undefined;
  }
  return make({ namespace, name, version: versionOf(content), body });
}

/** All else in `metadata` is Kubernetes' own and left aside. */
function readName(metadata: Place): { name: string; namespace: string } {
  if (!isObject(metadata.value)) {
    metadata.refuse('an object with name and namespace');
    return { name: '', namespace: DEFAULT_NAMESPACE };
  }
  const name = metadata.at('name').text('lower-case letters, digits, - and ., at most 253', (text) => NAME.test(text));
  const namespace = metadata.at('namespace');
  if (namespace.absent) return { name, namespace: DEFAULT_NAMESPACE };
  return { name, namespace: namespace.text('lower-case letters, digits and -, at most 63', (text) => NAMESPACE.test(text)) };
}

/** A wish for it that is misspelt would be taken for none, and calls be refused that were not to be. */
function readEnforce(annotations: Place): boolean {
  if (!isObject(annotations.value)) return true;
  for (const name of Object.keys(annotations.value)) {
    const isOther = name.startsWith(OUR_ANNOTATIONS) && name !== ENFORCE;
    const isMeant = isOther && suggestion(name.slice(OUR_ANNOTATIONS.length), ['enforce']) !== '';
    if (isMeant) annotations.at(name).problem(`unknown annotation, did you mean "${ENFORCE}"?`);
  }
  const place = annotations.at(ENFORCE);
  return place.value === undefined || place.oneOf(['true', 'false']) === 'true';
}

function warnOfEnforce(root: Place, what: string): void {
  root.at('metadata').at('annotations').at(ENFORCE).warn(`no effect: ${what} has no breaker`);
}

/** What `get -o yaml` gives back: what the operator wrote, without what a cluster added. */
function bodyOf(key: DocumentKey, root: Place) {
  const annotations = root.at('metadata').at('annotations').value;
  const ours = Object.entries(isObject(annotations) ? annotations : {}).filter(
    ([name, text]) => name.startsWith(OUR_ANNOTATIONS) && typeof text === 'string',
  );
  return {
    apiVersion: API_VERSIONS[key.kind],
    kind: key.kind,
    metadata: {
      name: key.name,
      namespace: key.namespace,
      ...(ours.length === 0 ? {} : { annotations: Object.fromEntries(ours) }),
    },
    spec: root.at('spec').value,
  };
}
