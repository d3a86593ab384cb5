/**
 * Clients as a mesh has them: each keeps one connection and calls over it again and again, one call at a time. One
 * whose proxy takes no new connections goes on at the next proxy; any other end of a call but an answer is a failure.
 * A new connection that is reset before its first answer was not taken: it stood in the queue of a listener that closed,
 * or was on its way to a worker that was killed. Whoever still listens is tried again.
 */
import { Agent, request } from 'node:http';
import { eventually } from './eventually.ts';
import type { Address } from './program.ts';

export interface KeptClientsOptions {
  readonly clients: number;
  /** In the order in which they are gone to. */
  readonly proxies: readonly Address[];
  /** `Host` header. */
  readonly host: string;
  readonly path: string;
}

/** What became of one client's calls. */
export interface ClientLedger {
  /** Answers, by the number of the proxy. */
  readonly answers: number[];
  /** Statuses other than 200, and errors, in order. */
  readonly failures: string[];
  /** Connections that brought an answer. */
  connections: number;
}

const NOT_TAKEN = 'not taken';

export class KeptClients {
  readonly ledgers: readonly ClientLedger[];
  readonly #options: KeptClientsOptions;
  readonly #running: Promise<void>[] = [];
  #isOver = false;

  private constructor(options: KeptClientsOptions) {
    this.#options = options;
    this.ledgers = Array.from({ length: options.clients }, () => ({ answers: options.proxies.map(() => 0), failures: [], connections: 0 }));
  }

  /** One client after the other, each with its first answer. */
  static async start(options: KeptClientsOptions): Promise<KeptClients> {
    const clients = new KeptClients(options);
    for (const ledger of clients.ledgers) {
      clients.#running.push(clients.#run(ledger));
      await eventually(() => (ledger.answers.some((count) => count > 0) ? true : undefined), { what: 'a first answer', everyMs: 2 });
    }
    return clients;
  }

  get failures(): readonly string[] {
    return this.ledgers.flatMap(({ failures }) => failures);
  }

  get connections(): number {
    return this.ledgers.reduce((sum, { connections }) => sum + connections, 0);
  }

  /** Until every client has had so many more answers of a proxy. */
  async answered(more: number, proxy = 0): Promise<void> {
    const wanted = this.ledgers.map(({ answers }) => (answers[proxy] ?? 0) + more);
    const isThere = (): boolean => this.ledgers.every(({ answers }, i) => (answers[proxy] ?? 0) >= (wanted[i] ?? 0));
    await eventually(() => (isThere() ? true : undefined), { what: `${more} answers for each client`, deadlineMs: 60_000 });
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
  }

  async #run(ledger: ClientLedger): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let at = 0; !this.#isOver && at < this.#options.proxies.length; ) {
      const end = await this.#call(ledger, { agent, at });
      if (end === NOT_TAKEN) continue;
      if (end === 'ECONNREFUSED') at++;
      else if (end === '200') ledger.answers[at] = (ledger.answers[at] ?? 0) + 1;
      else ledger.failures.push(end);
    }
    agent.destroy();
  }

  /** Gives its status, or its error's code. */
  #call(ledger: ClientLedger, { agent, at }: { readonly agent: Agent; readonly at: number }): Promise<string> {
    const { host, path, proxies } = this.#options;
    const { promise, resolve } = Promise.withResolvers<string>();
    const fail = ({ code, message }: NodeJS.ErrnoException): void => resolve(code === 'ECONNRESET' && !sent.reusedSocket ? NOT_TAKEN : (code ?? message));
    const sent = request({ ...proxies[at], path, agent, headers: { host } }, (answer) => {
      if (!sent.reusedSocket) ledger.connections++;
      answer.on('error', fail).on('end', () => resolve(`${answer.statusCode}`)).resume();
    });
    sent.on('error', fail).end();
    return promise;
  }
}
