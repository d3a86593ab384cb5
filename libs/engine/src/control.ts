/**
 * The control log's records: documents and overrides, each with author, reason and time (C1). The fold knows policies
 * from here only, and takes them where a mark says so (C2).
 */
import type { Policy } from './policy.ts';

export interface ControlRecord {
  readonly offset: number;
  readonly appendMs: number;
  /** Content hash of the record's bytes; a mark repeats it, so that none can be forged (C2). */
  readonly hash: string;
  readonly author: string;
  readonly reason: string;
  /** Who owns the document: a watched directory, the API, or Fuseboard itself (incarnations). */
  readonly source: 'directory' | 'api' | 'fuseboard';
  readonly change: ControlChange;
}

export type ControlChange =
  | { readonly kind: 'apply'; readonly document: Document }
  | { readonly kind: 'delete'; readonly document: DocumentKey }
  | {
      readonly kind: 'force';
      readonly upstream: string;
      readonly to: 'open' | 'closed';
      /** Absent: until cleared. */
      readonly durationMs?: number;
    }
  | { readonly kind: 'clear'; readonly upstream: string }
  | {
      /** V1: this log is another one from here on. */
      readonly kind: 'incarnation';
      readonly partition: number;
      readonly number: number;
      /** Fingerprint of the log's first record. */
      readonly identity: string;
      readonly startOffset: number;
    };

export interface DocumentKey {
  readonly kind: 'UpstreamTrafficSetting' | 'Upstream';
  readonly namespace: string;
  readonly name: string;
}

/** A document as applied: who it is, what it means, and what the operator wrote. */
export type Document = TrafficSetting | UpstreamDocument;

interface DocumentBase extends DocumentKey {
  /** Content hash, short: 12 hex digits. */
  readonly version: string;
  /** The document as written, `metadata.{name,namespace}` and `spec` only; what `get -o yaml` gives back. */
  readonly body: unknown;
}

/** What a policy says of one upstream; `breaker` absent: limits only, no breaker. */
export interface TrafficSetting extends DocumentBase {
  readonly kind: 'UpstreamTrafficSetting';
  /** L3. */
  readonly upstream: string;
  readonly limits: ConnectionLimits;
  readonly breaker?: Policy;
}

/** Limits of one proxy process towards one upstream. `Infinity`: no limit. */
export interface ConnectionLimits {
  readonly maxConnections: number;
  readonly connectTimeoutMs: number;
  readonly maxRequests: number;
  readonly maxRequestsPerConnection: number;
  readonly maxPendingRequests: number;
  readonly maxRetries: number;
}

/** Where an upstream is and what callers call it. */
export interface UpstreamDocument extends DocumentBase {
  readonly kind: 'Upstream';
  /** Host in lower case, without port. */
  readonly host: string;
  /** The bare name as written, where `host` is what a mesh would make of it; callers may use it too, unless two upstreams share it. */
  readonly alias?: string;
  /** The port that callers name; default 80. */
  readonly port: number;
  /** `HOST:PORT` each; absent: DNS of `host` at `port`. Never empty. */
  readonly targets?: readonly string[];
  readonly protocol: 'http' | 'tcp';
  /** `HOST:PORT` of a listener of its own. */
  readonly listen?: string;
}

export function documentKey(of: DocumentKey): string {
  return `${of.kind}/${of.namespace}/${of.name}`;
}
