/** A route in service with a clock and a DNS of the test's, and calls that it makes without a listener in front. */
import { Deadlines } from '../../libs/http-proxy/src/deadlines.ts';
import type { ConnectError } from '../../libs/http-proxy/src/failure.ts';
import { RouteReader } from '../../libs/http-proxy/src/route-reader.ts';
import { Service } from '../../libs/http-proxy/src/service.ts';
import type { Exchange, UpstreamConnection } from '../../libs/http-proxy/src/upstream-connection.ts';
import type { Waiter } from '../../libs/http-proxy/src/upstream/pool.ts';
import { Resolver, type Lookup } from '../../libs/http-proxy/src/upstream/resolver.ts';
import type { Target } from '../../libs/http-proxy/src/upstream/targets.ts';
import { route, type Cleanup, type RouteWords } from './data-plane.ts';

/** What came of a call: where it went, and its status or the error. */
export interface Came {
  readonly target: string;
  readonly result: number | ConnectError;
}

export class UpstreamStage {
  readonly service: Service;
  /** What DNS says; a name that isn't there has no address. */
  readonly dns = new Map<string, readonly string[]>();
  lookup: Lookup = async (host) => {
    const addresses = this.dns.get(host);
    if (addresses === undefined) throw Object.assign(new Error(`${host} is unknown`), { code: 'ENOTFOUND' });
    return addresses;
  };
  /** Stands still, but for the test. */
  nowMs = 0;

  constructor(cleanup: Cleanup, words: RouteWords) {
    const now = () => this.nowMs;
    const deadlines = new Deadlines(now, 1_000);
    const reader = new RouteReader();
    this.service = new Service(reader.read(route(words)), {
      now,
      timeouts: { responseHeadMs: 5_000, idleMs: 5_000 },
      resolver: new Resolver({ now, lookup: async (host) => this.lookup(host) }),
      connections: { keepAliveMs: 4_000, closeMs: 1_000, responseHeadBytesMax: 16_384, deadlines },
    });
    cleanup.add(() => {
      this.service.destroy();
      this.service.targets.close();
      reader.close();
      deadlines.stop();
    });
  }

  async call(): Promise<Came> {
    return new Promise((resolve, reject) => {
      const granted = this.service.pool.acquire(new Get(resolve));
      if (granted !== 'accepted') reject(new Error(granted));
    });
  }

  /** One after the other. */
  async calls(count: number): Promise<Came[]> {
    const came: Came[] = [];
    for (let i = 0; i < count; i++) came.push(await this.call());
    return came;
  }
}

class Get implements Waiter<UpstreamConnection>, Exchange {
  readonly askedAtMs = 0;
  readonly #came: (came: Came) => void;
  #target = '';
  #statusCode = 0;

  constructor(came: (came: Came) => void) {
    this.#came = came;
  }

  onConnection(connection: UpstreamConnection): void {
    this.#target = connection.target.label;
    connection.begin(this, { isHeadRequest: false, maySwitch: false });
    connection.write('GET / HTTP/1.1\r\nhost: api.test\r\n\r\n');
    connection.endRequest();
  }

  onNoConnection(result: ConnectError, target: Target): void {
    this.#came({ target: target.label, result });
  }

  onHead({ statusCode }: { readonly statusCode: number }): void {
    this.#statusCode = statusCode;
  }

  onEnd(): void {
    this.#came({ target: this.#target, result: this.#statusCode });
  }

  onFail(result: ConnectError): void {
    this.#came({ target: this.#target, result });
  }

  onInterim(): void {}
  onBody(): void {}
  onPause(): void {}
  onWritable(): void {}
  onSwitched(): void {}
}
