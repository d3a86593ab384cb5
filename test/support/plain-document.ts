/** All that a document says as fields of its own: of many that are alike, those of a pack, and those of a long control log, have some from what they share. */
import { settingsIn, type ControlChange, type Document, type DocumentSet } from '#engine';

export function plainDocument(document: Document): Document {
  if (document.kind === 'Upstream') return document;
  const { kind, namespace, name, version, body, upstream, limits, rateLimits, breaker } = document;
  return { kind, namespace, name, version, body, upstream, limits, ...(rateLimits && { rateLimits }), ...(breaker && { breaker }) };
}

export function plainChange(change: ControlChange): ControlChange {
  return change.kind === 'apply' ? { ...change, document: plainDocument(change.document) } : change;
}

/** All that a set has, in no particular order, each as a document of its own. */
export function everyDocument(set: Pick<DocumentSet, 'documents' | 'alike'>): Document[] {
  return [...set.documents.filter(({ kind }) => kind === 'Upstream'), ...settingsIn(set)].map(plainDocument);
}
