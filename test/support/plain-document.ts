/** All that a document says as fields of its own: of many that are alike, those of a pack have some from the first of them. */
import type { Document } from '#engine';

export function plainDocument(document: Document): Document {
  if (document.kind === 'Upstream') return document;
  const { kind, namespace, name, version, body, upstream, limits, rateLimits, breaker } = document;
  return { kind, namespace, name, version, body, upstream, limits, ...(rateLimits && { rateLimits }), ...(breaker && { breaker }) };
}
