/** `fuseboard.v1.StateService`. */
import { Metadata, status, type ServerWritableStream } from '@grpc/grpc-js';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod, RpcException } from '@nestjs/microservices';
import { Observable, type Subscriber } from 'rxjs';
import { timestampMessage, type StoreTimeMessage } from '#wire';
import type { FollowOutlet } from './follower.ts';
import { StateFanout } from './state-fanout.ts';

/** The messages are bytes already (proto-definition.ts). */
type FollowCall = ServerWritableStream<object, Uint8Array>;

/** Followers at once, each a connection of its own. */
const FOLLOWERS_MAX = 5_000;
/** Messages on their way to one follower: the next are made when these are gone, so that they are the newest. */
const ON_THEIR_WAY_MAX = 2;

@Controller()
export class StateController {
  readonly #fanout: StateFanout;
  readonly #calls = new Set<Subscriber<never>>();

  constructor(@Inject(StateFanout) fanout: StateFanout) {
    this.#fanout = fanout;
  }

  @GrpcMethod('StateService', 'Follow')
  follow(_request: object, _metadata: Metadata, call: FollowCall): Observable<never> {
    if (this.#calls.size >= FOLLOWERS_MAX) throw new RpcException({ code: status.RESOURCE_EXHAUSTED, message: `there are ${FOLLOWERS_MAX} followers already` });
    return new Observable((subscriber) => {
      this.#calls.add(subscriber);
      call.sendMetadata(new Metadata());
      const outlet = new CallOutlet(call);
      const following = this.#fanout.follow(outlet);
      outlet.onRoom = following.onRoom;
      return () => {
        this.#calls.delete(subscriber);
        outlet.onRoom = () => {};
        following.end();
      };
    });
  }

  @GrpcMethod('StateService', 'GetStoreTime')
  getStoreTime(): StoreTimeMessage {
    const now = this.#fanout.storeNow;
    return now === undefined ? {} : { known: { earliest: timestampMessage(now.earliestMs), latest: timestampMessage(now.latestMs) } };
  }

  /** Every follower, so that the process can stop: it takes the next console, or comes again. */
  endFollowing(): void {
    for (const call of this.#calls) call.error(new RpcException({ code: status.UNAVAILABLE, message: 'the console is stopping' }));
  }
}

class CallOutlet implements FollowOutlet {
  onRoom = (): void => {};
  readonly #call: FollowCall;
  #onTheirWay = 0;

  constructor(call: FollowCall) {
    this.#call = call;
  }

  isFull(): boolean {
    return this.#onTheirWay >= ON_THEIR_WAY_MAX;
  }

  /** Calls back when the connection has taken the message, which it does as fast as the follower reads. */
  write(message: Uint8Array): void {
    this.#onTheirWay++;
    this.#call.write(message, () => {
      this.#onTheirWay--;
      this.onRoom();
    });
  }
}
