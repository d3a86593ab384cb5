/**
 * Documents to routes: where calls may go, how they are made, under which breaker, within which limits. A route says so
 * when it is asked, which for most of many is once: when they are looked through.
 */
import { settingFinder, type DocumentSet, type TrafficSetting, type UpstreamDocument } from '#engine';
import { NO_LIMITS, type Limits, type Protocol, type RateLimits, type Retries, type Route, type UpstreamTls } from '#http-proxy';

/** One route for each Upstream. */
export function routesOf(set: Pick<DocumentSet, 'documents' | 'alike'>): Route[] {
  const settingOf = settingFinder(set);
  return set.documents.flatMap((document) => (document.kind === 'Upstream' ? [new DocumentRoute(document, settingOf(document))] : []));
}

class DocumentRoute implements Route {
  readonly #document: UpstreamDocument;
  /** Calls of a host without a policy are told too: the log can be tried against one later. */
  readonly upstream: string;
  /** What policies that are alike have in common; of the policy itself nothing more is kept. */
  readonly limits: Limits;
  readonly rateLimits: RateLimits | undefined;

  constructor(document: UpstreamDocument, setting: TrafficSetting | undefined) {
    const { host } = document;
    this.#document = document;
    // The very text that is kept anyway, where it is the same.
    this.upstream = setting === undefined || setting.upstream === host ? host : setting.upstream;
    this.limits = setting?.limits ?? NO_LIMITS;
    this.rateLimits = setting?.rateLimits;
  }

  get name(): string {
    return `${this.#document.namespace}/${this.#document.name}`;
  }

  get host(): string {
    return this.#document.host;
  }

  get alias(): string | undefined {
    return this.#document.alias;
  }

  get port(): number {
    return this.#document.port;
  }

  /** By DNS it is looked up as written: a bare name is what a container network knows. */
  get targets(): readonly string[] {
    return this.#document.targets ?? [`${this.alias ?? this.host}:${this.port}`];
  }

  get listen(): string | undefined {
    return this.#document.listen;
  }

  get protocol(): Protocol {
    return this.#document.protocol;
  }

  get retries(): Retries | undefined {
    return this.#document.retries;
  }

  get timeouts(): Route['timeouts'] {
    return this.#document.timeouts;
  }

  get tls(): UpstreamTls | undefined {
    return this.#document.tls;
  }
}
