/** `fuseboard.v1.ControlService` and `HistoryService`. */
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { DocumentKey } from '#engine';
import { invalid } from '../breaker-queries.ts';
import { answered, pageOf, refused, type PageFields } from '../grpc-rim.ts';
import { ControlActions, type Force } from './control-actions.ts';
import type { By } from './control-checks.ts';
import { appliedMessage, asTimestamp, doneMessage, policyMessage } from './control-messages.ts';
import { ControlQueries } from './control-queries.ts';

interface DurationMessage {
  readonly seconds: number;
  readonly nanos: number;
}

interface Waiting {
  readonly wait: DurationMessage | null;
}

interface KeyMessage {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

type ForceRequest = By & Waiting & { readonly upstream: string; readonly duration: DurationMessage | null };

@Controller()
export class ControlController {
  readonly #actions: ControlActions;
  readonly #queries: ControlQueries;

  constructor(@Inject(ControlActions) actions: ControlActions, @Inject(ControlQueries) queries: ControlQueries) {
    this.#actions = actions;
    this.#queries = queries;
  }

  @GrpcMethod('ControlService', 'ApplyPolicy')
  async applyPolicy(request: By & Waiting & { readonly document: string; readonly replaces_version: string; readonly dry_run: boolean }): Promise<object> {
    const { document, author, reason } = request;
    const asked = { document, author, reason, replacesVersion: request.replaces_version, dryRun: request.dry_run, waitMs: msOf(request.wait) };
    return appliedMessage(answered(await this.#actions.apply(asked)), asTimestamp);
  }

  @GrpcMethod('ControlService', 'DeletePolicy')
  async deletePolicy(request: By & Waiting & { readonly key: KeyMessage | null; readonly replaces_version: string }): Promise<object> {
    const { author, reason } = request;
    const asked = { key: keyOf(request.key), author, reason, replacesVersion: request.replaces_version, waitMs: msOf(request.wait) };
    return doneMessage(answered(await this.#actions.delete(asked)), asTimestamp);
  }

  @GrpcMethod('ControlService', 'ListPolicies')
  async listPolicies(request: PageFields & { readonly key: KeyMessage | null }): Promise<object> {
    const { messages, nextPageToken } = answered(await this.#queries.policies({ key: request.key ?? ANY, ...pageOf(request) }, asTimestamp));
    return { policies: messages, next_page_token: nextPageToken };
  }

  @GrpcMethod('ControlService', 'ForceOpen')
  forceOpen(request: ForceRequest): Promise<object> {
    return this.#force(request, 'open');
  }

  @GrpcMethod('ControlService', 'ForceClosed')
  forceClosed(request: ForceRequest): Promise<object> {
    return this.#force(request, 'closed');
  }

  @GrpcMethod('ControlService', 'ClearOverride')
  async clearOverride({ upstream, author, reason, wait }: By & Waiting & { readonly upstream: string }): Promise<object> {
    return doneMessage(answered(await this.#actions.clear({ upstream, author, reason, waitMs: msOf(wait) })), asTimestamp);
  }

  @GrpcMethod('HistoryService', 'ListControlRecords')
  async listControlRecords(request: PageFields & { readonly upstream: string }): Promise<object> {
    const { messages, nextPageToken } = answered(await this.#queries.records({ upstream: request.upstream, ...pageOf(request) }, asTimestamp));
    return { records: messages, next_page_token: nextPageToken };
  }

  @GrpcMethod('HistoryService', 'GetAppliedPolicy')
  async getAppliedPolicy(request: { readonly control_offset: number }): Promise<object> {
    return policyMessage(answered(await this.#queries.appliedBy(request.control_offset)), asTimestamp);
  }

  async #force({ upstream, author, reason, duration, wait }: ForceRequest, to: Force['to']): Promise<object> {
    const asked = { upstream, author, reason, to, durationMs: msOf(duration), waitMs: msOf(wait) };
    return doneMessage(answered(await this.#actions.force(asked)), asTimestamp);
  }
}

const ANY: KeyMessage = { kind: '', namespace: '', name: '' };
const KINDS = ['UpstreamTrafficSetting', 'Upstream'] as const;

function keyOf(key: KeyMessage | null): DocumentKey {
  const { kind, namespace, name } = key ?? ANY;
  const known = KINDS.find((each) => each === kind);
  if (known === undefined) throw refused(invalid('key.kind', JSON.stringify(kind), KINDS.join(' or ')));
  if (name === '') throw refused(invalid('key.name', 'nothing', 'the name of a document'));
  return { kind: known, namespace: namespace === '' ? 'default' : namespace, name };
}

/** Undefined: it was not given. */
function msOf(duration: DurationMessage | null): number | undefined {
  return duration === null ? undefined : duration.seconds * 1_000 + duration.nanos / 1e6;
}
