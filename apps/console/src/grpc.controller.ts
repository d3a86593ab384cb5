/** `fuseboard.v1.BreakerService`. */
import { Metadata, status, type ServerWritableStream } from '@grpc/grpc-js';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod, RpcException } from '@nestjs/microservices';
import { Observable, type Subscriber } from 'rxjs';
import { transitionMessage, type BreakerMessage, type TransitionMessage } from '#wire';
import { BreakerQueries, invalid } from './breaker-queries.ts';
import { answered, pageOf, refused, type PageFields } from './grpc-rim.ts';
import { ReadModel } from './read-model.ts';
import { TurnMessages, messageOf } from './turn-messages.ts';
import { watch, type Outlet } from './watchers.ts';

type WatchCall = ServerWritableStream<{ readonly upstream: string }, BreakerMessage>;

/** Watches at once; each holds at most one name for each upstream. */
const WATCHES_MAX = 1_000;
const STATES = { STATE_UNSPECIFIED: '', STATE_CLOSED: 'closed', STATE_OPEN: 'open' } as const;

@Controller()
export class GrpcController {
  readonly #queries: BreakerQueries;
  readonly #model: ReadModel;
  readonly #messages: TurnMessages;
  readonly #watches = new Set<Subscriber<BreakerMessage>>();

  constructor(@Inject(BreakerQueries) queries: BreakerQueries, @Inject(ReadModel) model: ReadModel) {
    this.#queries = queries;
    this.#model = model;
    this.#messages = new TurnMessages(model);
  }

  @GrpcMethod('BreakerService', 'GetBreaker')
  getBreaker({ upstream }: { readonly upstream: string }): BreakerMessage {
    return messageOf(answered(this.#queries.get(upstream)));
  }

  @GrpcMethod('BreakerService', 'ListBreakers')
  listBreakers(request: PageFields & { readonly state: string | number }): object {
    const state = STATES[request.state as keyof typeof STATES];
    if (state === undefined) throw refused(invalid('state', String(request.state), Object.keys(STATES).join(', ')));
    const { breakers, nextPageToken } = answered(this.#queries.list({ state, ...pageOf(request) }));
    return { breakers: breakers.map(messageOf), next_page_token: nextPageToken };
  }

  @GrpcMethod('BreakerService', 'ListTransitions')
  async listTransitions(request: PageFields & { readonly upstream: string }): Promise<object> {
    const found = answered(await this.#queries.transitions({ upstream: request.upstream, ...pageOf(request) }));
    const transitions: TransitionMessage[] = found.transitions.map(transitionMessage);
    return { transitions, next_page_token: found.nextPageToken };
  }

  @GrpcMethod('BreakerService', 'WatchBreakers')
  watchBreakers({ upstream }: { readonly upstream: string }, _metadata: Metadata, call: WatchCall): Observable<BreakerMessage> {
    if (upstream !== '') answered(this.#queries.get(upstream));
    if (this.#queries.incomplete !== undefined) throw refused(this.#queries.incomplete);
    if (this.#watches.size >= WATCHES_MAX) throw new RpcException({ code: status.RESOURCE_EXHAUSTED, message: `there are ${WATCHES_MAX} watches already` });
    return new Observable((subscriber) => {
      this.#watches.add(subscriber);
      // Else nothing is sent before the first breaker, and where there is none no client could tell that it watches.
      call.sendMetadata(new Metadata());
      const end = watch(this.#model, this.#outletOf(call, subscriber), upstream === '' ? undefined : upstream.toLowerCase());
      return () => {
        this.#watches.delete(subscriber);
        end();
      };
    });
  }

  countWatchers(): number {
    return this.#watches.size;
  }

  /** Every watch, so that the process can stop: its client comes again, and finds another console. */
  endWatches(): void {
    for (const watcher of this.#watches) watcher.error(new RpcException({ code: status.UNAVAILABLE, message: 'the console is stopping' }));
  }

  /** Nest writes what is emitted at once, and would keep what the call can't take; so nothing is emitted that it can't. */
  #outletOf(call: WatchCall, subscriber: Subscriber<BreakerMessage>): Outlet {
    return {
      write: (view) => subscriber.next(this.#messages.of(view)),
      isFull: () => call.writableNeedDrain,
      onDrain: (listener) => {
        call.on('drain', listener);
        return () => void call.off('drain', listener);
      },
    };
  }
}
