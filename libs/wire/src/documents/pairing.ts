/**
 * Which fields of a policy can't have an effect on an Upstream that it governs. Neither document alone is wrong, so
 * these are warnings, told at the policy's field.
 */
import { settingFinder } from '#engine';
import type { Document, TrafficSetting, UpstreamDocument } from '#engine';
import { Place } from './place.ts';
import type { Note, Notes } from './place.ts';

export interface PairWarning {
  readonly document: TrafficSetting;
  readonly note: Note;
}

/** In the order of the documents. */
export function pairWarnings(documents: readonly Document[]): readonly PairWarning[] {
  const settingOf = settingFinder({ documents });
  return documents.flatMap((upstream) => {
    if (upstream.kind !== 'Upstream') return [];
    const document = settingOf(upstream);
    return document === undefined ? [] : judge(document, upstream).map((note) => ({ document, note }));
  });
}

function judge(document: TrafficSetting, upstream: UpstreamDocument): readonly Note[] {
  const notes: Notes = { problems: [], warnings: [] };
  const spec = new Place(document.body, [], notes).at('spec');
  const none = (place: Place, reason: string) => {
    if (!place.absent) place.warn(`has no effect on Upstream ${upstream.namespace}/${upstream.name}: ${reason}`);
  };
  const http = spec.at('connectionSettings').at('http');
  const local = spec.at('rateLimit').at('local');
  if (upstream.listen === undefined) none(local.at('tcp'), 'it has no listener of its own (spec.listen)');
  if (upstream.protocol === 'tcp') {
    for (const place of httpOnly(spec, http, local)) none(place, 'its protocol is tcp');
  } else if (upstream.retries === undefined) {
    none(http.at('maxRetries'), 'it asks for no retries (spec.retries)');
  }
  return notes.warnings;
}

/** All that needs requests or an answer; the rest of a breaker counts connections. */
function httpOnly(spec: Place, http: Place, local: Place): readonly Place[] {
  const limits = ['maxRequests', 'maxRequestsPerConnection', 'maxPendingRequests', 'maxRetries'].map((field) => http.at(field));
  const answer = ['degradedStatusCode', 'degradedResponseContent'].map((field) => http.at('circuitBreaking').at(field));
  return [...limits, ...answer, local.at('http'), spec.at('httpRoutes')];
}
