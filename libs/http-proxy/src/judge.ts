/**
 * How a call is judged before it goes on, whatever is spoken: the breaker is asked first, so that an open one gives its
 * answer whatever the load is and takes no token; the rates come after it. Limits on connections are the pools'.
 */
import type { Settings } from './options.ts';
import { textAnswer, type OwnAnswer } from './own-answer.ts';
import { Refusals } from './refusal.ts';
import type { AdmitDecision, Decision, HttpRateLimit, RefuseDecision, Route } from './route.ts';
import type { RequestLimiter } from './upstream/rate-limit.ts';

/** As much of a service as is judged by. */
export interface Judged {
  readonly route: Route;
  readonly limiter: RequestLimiter;
}

export type Judgement =
  | { readonly kind: 'admit'; readonly decision: AdmitDecision }
  | { readonly kind: 'degraded'; readonly decision: RefuseDecision; readonly answer: OwnAnswer }
  | { readonly kind: 'rate-limited'; readonly decision: AdmitDecision; readonly limit: HttpRateLimit };

/** Of a route without a breaker. */
const PASS: AdmitDecision = { kind: 'admit' };
const HOST_SHOWN_MAX = 255;

export class Judge {
  readonly #settings: Pick<Settings, 'decide' | 'now'>;
  readonly #refusals = new Refusals();

  constructor(settings: Pick<Settings, 'decide' | 'now'>) {
    this.#settings = settings;
  }

  /** The breaker alone; also for a try more, which is admitted anew (G2). */
  decide({ upstream }: Route): Decision {
    return upstream === undefined ? PASS : this.#settings.decide(upstream);
  }

  /** @param target of the request, path first. */
  judge({ route, limiter }: Judged, target: string): Judgement {
    const decision = this.decide(route);
    if (decision.kind === 'refuse') return { kind: 'degraded', decision, answer: this.#refusals.answer(decision, this.#settings.now()) };
    const limit = limiter.admit(target);
    return limit === undefined ? { kind: 'admit', decision } : { kind: 'rate-limited', decision, limit };
  }
}

/** Nobody is served under this name. */
export function unknownHostAnswer(authority: string): OwnAnswer {
  return textAnswer(404, `no upstream is known for ${authority.slice(0, HOST_SHOWN_MAX)}\n`);
}
