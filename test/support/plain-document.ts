/** All that a document says as fields of its own: of many that are alike, those of a pack, and those of a long control log, have some from what they share. */
import { settingsIn, type ControlChange, type Document, type DocumentSet, type UpstreamDocument } from '#engine';

export function plainDocument(document: Document): Document {
  if (document.kind === 'Upstream') return plainUpstream(document);
  const { kind, namespace, name, version, body, upstream, limits, rateLimits, breaker } = document;
  return { kind, namespace, name, version, body, upstream, limits, ...(rateLimits && { rateLimits }), ...(breaker && { breaker }) };
}

function plainUpstream({ kind, namespace, name, version, body, host, alias, port, targets, protocol, listen, retries, timeouts, tls }: UpstreamDocument): UpstreamDocument {
  const own = { ...(alias !== undefined && { alias }), ...(targets && { targets }), ...(listen !== undefined && { listen }) };
  return { kind, namespace, name, version, body, host, port, protocol, ...own, ...(retries && { retries }), ...(timeouts && { timeouts }), ...(tls && { tls }) };
}

export function plainChange(change: ControlChange): ControlChange {
  return change.kind === 'apply' ? { ...change, document: plainDocument(change.document) } : change;
}

/** All that a set has, in no particular order, each as a document of its own. */
export function everyDocument(set: Pick<DocumentSet, 'documents' | 'alike'>): Document[] {
  return [...set.documents.filter(({ kind }) => kind === 'Upstream'), ...settingsIn(set)].map(plainDocument);
}
