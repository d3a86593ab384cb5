/** All that a document says as fields of its own: of many that are alike, those of a pack, and those of a long control log, have some from what they share. */
import type { ControlChange, Document, DocumentSet, UpstreamDocument } from '#engine';

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
export function everyDocument({ documents, alike = [] }: Pick<DocumentSet, 'documents' | 'alike'>): Document[] {
  const each = alike.flatMap((group) => Array.from({ length: group.size }, (_, index) => group.at(index)));
  return [...documents, ...each].map(plainDocument);
}
