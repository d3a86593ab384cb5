/**
 * What Fuseboard counts, for Prometheus. One Metrics a process; each part of it calls the methods that are its own, in
 * the domain's words, and metric names stand here alone. Every label is bounded: by a closed list, by the number of
 * partitions, or for upstreams by UPSTREAM_LABELS_MAX.
 */
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import { LOST_LOG_HANDLINGS, type CommitAnswer, type LossHandled, type LossKind, type Tally, type Transition } from '#engine';
import { BoundedLabel } from './bounded-label.ts';
import { eventLoopDelay } from './event-loop-delay.ts';

/** How the proxy answered a call, or why it didn't. */
export const CALL_ANSWERS = [
  'upstream',
  'degraded',
  'overflow',
  'rate-limited',
  'unknown-host',
  'bad-request',
  'bad-gateway',
  'gateway-timeout',
  'client-gone',
] as const;
export type CallAnswer = (typeof CALL_ANSWERS)[number];

export interface MetricsOptions {
  readonly process: string;
  readonly version: string;
  readonly instance: string;
  /** Also the process's own figures (CPU, memory, event loop); default true. */
  readonly processFigures?: boolean;
}

/** prom-client's gauges that are named as counters are; Prometheus adds up what they add up. */
const SUMS = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** What a record of the outcomes log came to, as a label; marks and dead letters have metrics of their own. */
const FATES: Readonly<Record<Exclude<keyof Tally, 'mark' | 'forgedMark' | 'dead'>, string>> = {
  counted: 'counted',
  whileOpen: 'while-open',
  unknown: 'unknown-upstream',
  repeat: 'repeat',
  late: 'late',
  stale: 'stale',
  otherIncarnation: 'other-incarnation',
  future: 'future-generation',
  misrouted: 'misrouted',
};

const NOTHING: Tally = { counted: 0, whileOpen: 0, unknown: 0, repeat: 0, late: 0, stale: 0, otherIncarnation: 0, future: 0, misrouted: 0, mark: 0, forgedMark: 0, dead: 0 };
const LOSS_KINDS: readonly LossKind[] = ['cut', 'replaced', 'truncated', 'foreign', 'unreadable'];
const COMMIT_ANSWERS = ['OK', 'ALREADY', 'FENCED', 'AHEAD', 'REGRESSED', 'error'] as const satisfies readonly (CommitAnswer['kind'] | 'error')[];
const GROUPS = ['ingest', 'standby'] as const;

export class Metrics {
  /** For metrics of one process's own. */
  readonly registry = new Registry();
  readonly #upstreams = new BoundedLabel();
  readonly #heardMs = new Map<number, number>();

  readonly #outcomes = this.#counter('fuseboard_outcomes_total', 'Calls whose outcome was folded, by what became of it', ['fate']);
  readonly #marks = this.#counter('fuseboard_marks_total', 'Marks folded; forged: no such control record', ['kind']);
  readonly #dead = this.#counter('fuseboard_dead_letters_total', 'Records that could not be read', []);
  readonly #transitions = this.#counter('fuseboard_transitions_total', 'Changes of state', ['upstream', 'to', 'cause']);
  readonly #commits = this.#counter('fuseboard_commits_total', 'Commits by answer, and by the group that made them; error: no answer', ['answer', 'group']);
  readonly #losses = this.#counter('fuseboard_log_losses_total', 'Logs, or what was kept of them, found lost, by what was done about it', ['kind', 'handling']);
  /** By answer and upstream, since the last scrape: a counter of the library's costs each call ten times as much. */
  readonly #callsSince = Object.fromEntries(CALL_ANSWERS.map((answer) => [answer, new Map()])) as Record<CallAnswer, Map<string, number>>;
  readonly #overflows = this.#counter('fuseboard_call_overflows_total', 'Calls refused at a limit of the policy', ['upstream', 'limit']);
  readonly #dropped = this.#counter('fuseboard_reports_dropped_total', 'Calls whose outcome was not reported, the buffer being full', []);

  constructor(options: MetricsOptions, nowMs: () => number = Date.now) {
    const build = new Gauge({ name: 'fuseboard_build_info', help: 'Always 1', labelNames: ['version', 'node', 'process', 'instance'], registers: [this.registry] });
    build.set({ version: options.version, node: process.version, process: options.process, instance: options.instance }, 1);
    const heardMs = this.#heardMs;
    const age = new Gauge({
      name: 'fuseboard_state_age_seconds',
      help: 'Time since the states of a partition were last known to be the newest',
      labelNames: ['partition'],
      collect: () => {
        for (const [partition, atMs] of heardMs) age.set({ partition }, Math.max(0, nowMs() - atMs) / 1_000);
      },
      registers: [],
    });
    this.registry.registerMetric(age);
    const calls = new Counter({
      name: 'fuseboard_calls_total',
      help: 'Calls through the proxy, by how it answered',
      labelNames: ['upstream', 'answer'],
      collect: () => {
        for (const answer of CALL_ANSWERS) {
          for (const [upstream, count] of this.#callsSince[answer]) calls.inc({ upstream, answer }, count);
          this.#callsSince[answer].clear();
        }
      },
      registers: [this.registry],
    });
    this.#beginAtZero();
    if (!(options.processFigures ?? true)) return;
    collectDefaultMetrics({ register: this.registry });
    for (const name of SUMS) this.registry.removeSingleMetric(name);
    this.registry.registerMetric(eventLoopDelay());
  }

  /** A series that begins with its first event has not grown, for Prometheus: an alert would miss just that one. */
  #beginAtZero(): void {
    this.folded(NOTHING);
    for (const kind of LOSS_KINDS) for (const handling of ['checkpoint', ...LOST_LOG_HANDLINGS]) this.#losses.inc({ kind, handling }, 0);
    for (const answer of COMMIT_ANSWERS) for (const group of GROUPS) this.#commits.inc({ answer, group }, 0);
  }

  /** What became of a batch's records. */
  folded(tally: Tally): void {
    for (const [key, fate] of Object.entries(FATES)) this.#outcomes.inc({ fate }, tally[key as keyof typeof FATES]);
    this.#marks.inc({ kind: 'mark' }, tally.mark);
    this.#marks.inc({ kind: 'forged' }, tally.forgedMark);
    this.#dead.inc(tally.dead);
  }

  /** A change of state; each once, when it is committed. */
  transition({ upstream, to, cause }: Pick<Transition, 'upstream' | 'to' | 'cause'>): void {
    this.#transitions.inc({ upstream: this.#upstreams.of(upstream), to, cause: cause.kind });
  }

  commit(answer: (typeof COMMIT_ANSWERS)[number], group: (typeof GROUPS)[number]): void {
    this.#commits.inc({ answer, group });
  }

  /** V1: a log, or what was kept of it, was found lost. */
  logLost(kind: LossKind, handling: LossHandled): void {
    this.#losses.inc({ kind, handling });
  }

  /** A call and how it was answered; `upstream` is a known one's name, never what a caller wrote; absent: none was found. */
  call(answer: CallAnswer, upstream?: string): void {
    const counts = this.#callsSince[answer];
    const label = upstream === undefined ? '' : this.#upstreams.of(upstream);
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }

  overflow(upstream: string, limit: 'connections' | 'pending' | 'requests' | 'retries'): void {
    this.#overflows.inc({ upstream: this.#upstreams.of(upstream), limit });
  }

  reportsDropped(calls: number): void {
    this.#dropped.inc(calls);
  }

  /** The states of a partition are known to be the newest, as of `atMs`. */
  statesHeard(partition: number, atMs: number): void {
    this.#heardMs.set(partition, atMs);
  }

  /** The label value of an upstream, for metrics of one process's own. */
  upstreamLabel(upstream: string): string {
    return this.#upstreams.of(upstream);
  }

  #counter<const L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> {
    return new Counter({ name, help, labelNames: [...labelNames], registers: [this.registry] });
  }
}
