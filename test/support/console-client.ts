/** The console's HTTP, as the tests read it: states and transitions, with times in ms since 1970. */
import type { Address } from './program.ts';

export interface WindowView {
  readonly total: number;
  readonly errors: number;
  readonly slow: number;
}

export interface BreakerView {
  readonly upstream: string;
  readonly state: string;
  readonly generation: number;
  readonly incarnation: number;
  readonly openUntilMs?: number;
  readonly window: WindowView;
  readonly policy?: { readonly name: string; readonly namespace: string; readonly version: string };
}

export interface TransitionView {
  readonly generation: number;
  readonly from: string;
  readonly to: string;
  readonly atMs: number;
  readonly openUntilMs?: number;
  readonly window: WindowView;
  readonly cause: { readonly kind: string };
}

type Json = Readonly<Record<string, unknown>>;

export class ConsoleClient {
  readonly #base: string;

  constructor({ host, port }: Address) {
    this.#base = `http://${host}:${port}`;
  }

  /** @throws Error if there is none. */
  async breaker(upstream: string): Promise<BreakerView> {
    const found = await this.findBreaker(upstream);
    if (found === undefined) throw new Error(`the console knows no breaker ${upstream}`);
    return found;
  }

  async findBreaker(upstream: string): Promise<BreakerView | undefined> {
    const json = await this.#get(`/api/v1/breakers/${upstream}`);
    return json === undefined ? undefined : breakerOf(json);
  }

  /** The console's first page, in its order. */
  async transitions(upstream: string): Promise<TransitionView[]> {
    const json = await this.#get(`/api/v1/breakers/${upstream}/transitions`);
    return ((json?.['transitions'] ?? []) as Json[]).map((each) => transitionOf(each));
  }

  async metrics(): Promise<string> {
    return (await fetch(`${this.#base}/metrics`)).text();
  }

  async #get(path: string): Promise<Json | undefined> {
    const answer = await fetch(this.#base + path);
    if (answer.ok) return (await answer.json()) as Json;
    const body = await answer.text();
    if (answer.status === 404) return undefined;
    throw new Error(`${path} answered ${answer.status}: ${body}`);
  }
}

function breakerOf(json: Json): BreakerView {
  const openUntilMs = timeOf(json['open_until']);
  const policy = json['policy'] as BreakerView['policy'];
  return {
    upstream: json['upstream'] as string,
    state: json['state'] as string,
    generation: json['generation'] as number,
    incarnation: json['incarnation'] as number,
    window: json['window'] as WindowView,
    ...(openUntilMs === undefined ? {} : { openUntilMs }),
    ...(policy === undefined ? {} : { policy }),
  };
}

function transitionOf(json: Json): TransitionView {
  const openUntilMs = timeOf(json['open_until']);
  return {
    generation: json['generation'] as number,
    from: json['from'] as string,
    to: json['to'] as string,
    atMs: timeOf(json['at']) ?? Number.NaN,
    window: json['window'] as WindowView,
    cause: json['cause'] as { kind: string },
    ...(openUntilMs === undefined ? {} : { openUntilMs }),
  };
}

/** RFC 3339. */
function timeOf(text: unknown): number | undefined {
  return typeof text === 'string' ? Date.parse(text) : undefined;
}
