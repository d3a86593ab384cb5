/** `fuseboard.v1.ControlService` and what history is made of, as a client has them. */
import type { Client, Metadata, ServiceError } from '@grpc/grpc-js';
import type { TimestampMessage, TransitionMessage } from '#wire';
import { failureOf, type Connection } from '../connection.ts';
import { ANSWER_MS, consoleServices, type ServiceName } from '../console-services.ts';

const PAGE_SIZE_MAX = 500;

export interface KeyMessage {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

export interface DoneMessage {
  readonly control_offset: number;
  readonly in_force_at: TimestampMessage | null;
}

export interface FieldChangeMessage {
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

export interface PlanMessage {
  readonly change: 'create' | 'change' | 'none';
  readonly version_before: string;
  readonly fields: readonly FieldChangeMessage[];
  readonly window: 'kept' | 'new' | 'none';
  readonly effects: readonly string[];
  readonly trip_rates: readonly string[];
}

export interface AppliedMessage extends DoneMessage {
  readonly key: KeyMessage;
  readonly version: string;
  readonly warnings: readonly string[];
  readonly plan: PlanMessage;
}

export interface PolicyMessage {
  readonly key: KeyMessage;
  readonly version: string;
  readonly document: string;
  readonly source: string;
  readonly author: string;
  readonly reason: string;
  readonly applied_at: TimestampMessage;
  readonly control_offset: number;
  readonly upstream: string;
}

export interface EntryMessage {
  readonly control_offset: number;
  readonly at: TimestampMessage;
  readonly author: string;
  readonly reason: string;
  readonly source: string;
  readonly kind: 'apply' | 'delete' | 'force-open' | 'force-closed' | 'clear';
  readonly key: KeyMessage | null;
  readonly version: string;
  readonly version_before: string;
  readonly until: TimestampMessage | null;
  readonly not_taken: string;
  readonly fields: readonly FieldChangeMessage[];
}

/** (request, metadata, options, done), as grpc-js makes it. */
type Method = (...of: unknown[]) => void;
type Service = Client & Readonly<Record<string, Method>>;
type Asked = Exclude<ServiceName, 'FleetService'>;

export class ControlClient {
  readonly #connection: Connection;
  readonly #services: Readonly<Record<Asked, Service>>;
  readonly #metadata: Metadata;

  constructor(connection: Connection) {
    this.#connection = connection;
    const { metadata, make } = consoleServices(connection);
    this.#metadata = metadata;
    const service = (name: Asked): Service => make(name) as Service;
    this.#services = { ControlService: service('ControlService'), HistoryService: service('HistoryService'), BreakerService: service('BreakerService') };
  }

  /** @param waitMs how long the answer may wait for what was said to be in force @throws {Failure} */
  control<T>(method: string, request: object, waitMs = 0): Promise<T> {
    const wait = waitMs === 0 ? {} : { wait: durationMessage(waitMs) };
    return this.#ask('ControlService', method, { request: { ...request, ...wait }, withinMs: waitMs + ANSWER_MS });
  }

  /** In force, all of them. @throws {Failure} */
  async policies(key: Partial<KeyMessage>): Promise<PolicyMessage[]> {
    const policies: PolicyMessage[] = [];
    for (let token = '', isMore = true; isMore; isMore = token !== '') {
      const page: { policies: PolicyMessage[]; next_page_token: string } = await this.control('ListPolicies', { key, page_size: PAGE_SIZE_MAX, page_token: token });
      policies.push(...page.policies);
      token = page.next_page_token;
    }
    return policies;
  }

  /** As one record of the control log applied it. @throws {Failure} */
  appliedBy(controlOffset: number): Promise<PolicyMessage> {
    return this.#ask('HistoryService', 'GetAppliedPolicy', { request: { control_offset: controlOffset } });
  }

  /** Newest first, at most `limit`; `isMore`: there are older ones. @throws {Failure} */
  async said(upstream: string, limit: number): Promise<{ entries: readonly EntryMessage[]; isMore: boolean }> {
    const entries: EntryMessage[] = [];
    let token = '';
    do {
      // Large documents make a page shorter than it was asked for.
      const request = { upstream, page_size: limit - entries.length, page_token: token };
      const page: { records: EntryMessage[]; next_page_token: string } = await this.#ask('HistoryService', 'ListControlRecords', { request });
      entries.push(...page.records);
      token = page.next_page_token;
    } while (token !== '' && entries.length < limit);
    return { entries, isMore: token !== '' };
  }

  /** Newest first, at most `limit`. @throws {Failure} */
  async transitions(upstream: string, limit: number): Promise<{ transitions: readonly TransitionMessage[]; isMore: boolean }> {
    const page: { transitions: TransitionMessage[]; next_page_token: string } = await this.#ask('BreakerService', 'ListTransitions', { request: { upstream, page_size: limit } });
    return { transitions: page.transitions, isMore: page.next_page_token !== '' };
  }

  close(): void {
    for (const service of Object.values(this.#services)) service.close();
  }

  #ask<T>(name: Asked, method: string, { request, withinMs = ANSWER_MS }: { request: object; withinMs?: number }): Promise<T> {
    const service = this.#services[name];
    return new Promise((resolve, reject) => {
      const call = service[method] as Method;
      const done = (error: ServiceError | null, answer: T): void => (error === null ? resolve(answer) : reject(failureOf(error, this.#connection)));
      call.call(service, request, this.#metadata, { deadline: Date.now() + withinMs }, done);
    });
  }
}

/** As protobuf has durations. */
export function durationMessage(ms: number): { readonly seconds: number; readonly nanos: number } {
  const seconds = Math.floor(ms / 1_000);
  return { seconds, nanos: Math.round((ms - seconds * 1_000) * 1e6) };
}

/** Runs with a client, and closes it. */
export async function withClient<T>(connection: Connection, run: (client: ControlClient) => Promise<T>): Promise<T> {
  const client = new ControlClient(connection);
  try {
    return await run(client);
  } finally {
    client.close();
  }
}
