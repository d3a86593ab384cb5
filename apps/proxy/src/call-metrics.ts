/** How calls were answered, in the metrics' words. */
import { REFUSED_MAX, type ProxyVitals } from '#engine';
import type { Answer, ServedCall } from '#http-proxy';
import { LastMinute, type CallAnswer, type Metrics } from '#runtime';

const CALL_ANSWER: Readonly<Record<Answer, CallAnswer>> = {
  upstream: 'upstream',
  degraded: 'degraded',
  'overflow-connections': 'overflow',
  'overflow-pending': 'overflow',
  'overflow-requests': 'overflow',
  'overflow-retries': 'overflow',
  'rate-limited': 'rate-limited',
  'not-found': 'unknown-host',
  'bad-request': 'bad-request',
  'client-abort': 'client-gone',
  refused: 'bad-gateway',
  reset: 'bad-gateway',
  dns: 'bad-gateway',
  tls: 'bad-gateway',
  'bad-response': 'bad-gateway',
  'connect-timeout': 'gateway-timeout',
  'response-timeout': 'gateway-timeout',
  'idle-timeout': 'gateway-timeout',
};

const LIMIT = {
  'overflow-connections': 'connections',
  'overflow-pending': 'pending',
  'overflow-requests': 'requests',
  'overflow-retries': 'retries',
} as const;

/** In the last minute, for people. */
export class RecentCalls {
  readonly #answers = new LastMinute(ANSWERS_MAX);
  /** By upstream, those refused for its state. */
  readonly #refused = new LastMinute(UPSTREAMS_MAX);

  add({ answer, upstream }: ServedCall): void {
    this.#answers.add(CALL_ANSWER[answer]);
    if (answer === 'degraded' && upstream !== undefined) this.#refused.add(upstream);
  }

  tick(monotonicMs: number): void {
    this.#answers.tick(monotonicMs);
    this.#refused.tick(monotonicMs);
  }

  vitals(): Pick<ProxyVitals, 'calls' | 'refused'> {
    const refused = [...this.#refused.counts()].map(([upstream, calls]) => ({ upstream, calls }));
    return { calls: Object.fromEntries(this.#answers.counts()), refused: refused.toSorted((a, b) => b.calls - a.calls).slice(0, REFUSED_MAX) };
  }
}

const ANSWERS_MAX = 16;
const UPSTREAMS_MAX = 1_000;

export function countCall(metrics: Metrics, { answer, upstream }: ServedCall): void {
  metrics.call(CALL_ANSWER[answer], upstream);
  if (upstream !== undefined && answer in LIMIT) metrics.overflow(upstream, LIMIT[answer as keyof typeof LIMIT]);
}
