/** How calls were answered, in the metrics' words. */
import type { Answer, ServedCall } from '#http-proxy';
import type { CallAnswer, Metrics } from '#runtime';

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

export function countCall(metrics: Metrics, { answer, upstream }: ServedCall): void {
  metrics.call(CALL_ANSWER[answer], upstream);
  if (upstream !== undefined && answer in LIMIT) metrics.overflow(upstream, LIMIT[answer as keyof typeof LIMIT]);
}
