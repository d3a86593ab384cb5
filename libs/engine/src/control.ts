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
  | {
      readonly kind: 'apply';
      readonly document: Document;
      readonly replaces?: Replaced;
      /** The very text that its operator wrote. Absent: it was not kept. */
      readonly written?: string;
    }
  | { readonly kind: 'delete'; readonly document: DocumentKey; readonly replaces?: Replaced }
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
    }
  | {
      /** The fold follows the rules of this engine from here on (engine-version.ts). */
      readonly kind: 'engine';
      readonly version: number;
    };

/**
 * C1: the version that must be in force for the record to be taken; `''`: there must be none. Absent: whatever there is.
 * Of two records that replace one version the first in the log is taken, by everybody.
 */
export type Replaced = string;

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
  /** The document as written, `metadata.{name,namespace}` and `spec` only; what `get -o yaml` gives back. Undefined where a feed was asked for none. */
  readonly body: unknown;
}

/** What a policy says of one upstream; `breaker` absent: limits only, no breaker. */
export interface TrafficSetting extends DocumentBase {
  readonly kind: 'UpstreamTrafficSetting';
  /** L3. */
  readonly upstream: string;
  readonly limits: ConnectionLimits;
  readonly rateLimits?: RateLimits;
  readonly breaker?: Policy;
}

/** A token bucket: it holds `amount + burst` at most, begins full, and fills evenly by `amount` each `periodMs`. */
export interface RateLimit {
  readonly amount: number;
  readonly periodMs: number;
  readonly burst: number;
}

export interface HttpRateLimit extends RateLimit {
  /** Of the answer beyond it, 400 to 599; default 429. */
  readonly statusCode: number;
  /** Name, value, name, value … added to that answer. */
  readonly headers: readonly string[];
}

/** Of one proxy process towards one upstream. */
export interface RateLimits {
  /** On connections that the upstream's own listener accepts. */
  readonly tcp?: RateLimit;
  /** On requests. */
  readonly http?: HttpRateLimit;
  /** Beside `http`, by RE2 expressions for the whole path; the first that matches. */
  readonly paths: readonly { readonly path: string; readonly http: HttpRateLimit }[];
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
  /** What is spoken with it: HTTP/1.1, HTTP/2 by prior knowledge (twice: `grpc` is judged by grpc-status), bytes. */
  readonly protocol: 'http' | 'h2c' | 'grpc' | 'tcp';
  /** `HOST:PORT` of a listener of its own. */
  readonly listen?: string;
  /** Absent: no call is tried again. */
  readonly retries?: Retries;
  /** ms; absent: the proxy's own. */
  readonly timeouts?: { readonly responseHeadMs?: number; readonly idleMs?: number };
  /** Absent: cleartext. */
  readonly tls?: UpstreamTls;
}

/** After which failures (the words of `x-fuseboard-error`) and statuses a call is tried again, and how often at most. */
export interface Retries {
  /** After the first try, 1 to 10. */
  readonly attempts: number;
  readonly on: readonly (RetriedFailure | number)[];
}

export const RETRIED_FAILURES = ['refused', 'reset', 'dns', 'connect-timeout', 'response-timeout', 'idle-timeout', 'tls', 'bad-response'] as const;
export type RetriedFailure = (typeof RETRIED_FAILURES)[number];

/** Paths of PEM files on the proxy's machine; keys never travel in documents. */
export interface UpstreamTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Sent as SNI and checked against the certificate. */
  readonly serverName?: string;
}

export function documentKey(of: DocumentKey): string {
  return `${of.kind}/${of.namespace}/${of.name}`;
}
