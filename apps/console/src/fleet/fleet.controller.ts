/** `fuseboard.v1.FleetService`. */
import { status, type ServerReadableStream, type ServiceError } from '@grpc/grpc-js';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod, GrpcStreamCall, RpcException } from '@nestjs/microservices';
import { UnreadableRecord, type ProcessMessage } from '#wire';
import { answered } from '../grpc-rim.ts';
import { BeatRelay } from './beat-relay.ts';
import { fleetMessage, queryOf } from './fleet-answers.ts';
import { FleetView } from './fleet-view.ts';

interface BeatMessage {
  readonly process: ProcessMessage | null;
  readonly leaving: boolean;
}

type BeatCall = ServerReadableStream<BeatMessage, object>;
type Done = (error: Partial<ServiceError> | null, answer?: object) => void;

/** Proxies at once, as many as may follow. */
const BEATERS_MAX = 5_000;

@Controller()
export class FleetController {
  readonly #view: FleetView;
  readonly #relay: BeatRelay;
  readonly #ends = new Set<(error: Partial<ServiceError> | null) => void>();

  constructor(@Inject(FleetView) view: FleetView, @Inject(BeatRelay) relay: BeatRelay) {
    this.#view = view;
    this.#relay = relay;
  }

  @GrpcMethod('FleetService', 'ListProcesses')
  async listProcesses({ limit, search }: { readonly limit: number; readonly search: string }): Promise<object> {
    const query = answered(queryOf({ limit, search }));
    await this.#view.refresh();
    if (this.#view.problem !== undefined) throw new RpcException({ code: status.UNAVAILABLE, message: `the processes cannot be read right now: ${this.#view.problem}` });
    return fleetMessage(this.#view.list(query));
  }

  /** As bytes come, without Nest's observables: thousands say something every few seconds. */
  @GrpcStreamCall('FleetService', 'Beat')
  beat(call: BeatCall, done: Done): void {
    const end = (error: Partial<ServiceError> | null): void => {
      if (!this.#ends.delete(end)) return;
      call.removeAllListeners('data');
      done(error, {});
    };
    this.#ends.add(end);
    if (this.#ends.size > BEATERS_MAX) return end({ code: status.RESOURCE_EXHAUSTED, details: `there are ${BEATERS_MAX} processes that say here how they are already` });
    let own: string | undefined;
    call.on('data', ({ process, leaving }: BeatMessage) => {
      try {
        own = this.#relay.take(process, { leaving, own });
      } catch (error) {
        if (!(error instanceof UnreadableRecord)) throw error;
        end({ code: status.INVALID_ARGUMENT, details: error.message });
      }
    });
    call.on('end', () => end(null));
    call.on('cancelled', () => this.#ends.delete(end));
  }

  /** Every one, so that the process can stop. */
  endBeats(): void {
    for (const end of this.#ends) end({ code: status.UNAVAILABLE, details: 'the console is stopping' });
  }
}
