/** A Redis Cluster of one's own: three primaries, each with a replica where wanted, as local processes. */
import { eventually } from '../eventually.ts';
import { RedisServer, type RedisOptions } from './redis.ts';
import { asked } from './redis-cli.ts';
import { restartablePort } from './server-process.ts';

const SLOTS = 16_384;
const PRIMARIES = 3;
/** A node that is silent for so long has failed, ms. */
const NODE_TIMEOUT_MS = 1_000;

export interface RedisClusterOptions extends RedisOptions {
  /** Of each primary, 0 or 1; default 0. */
  readonly replicas?: 0 | 1;
}

export class RedisCluster {
  /** First the primaries, then their replicas in the same order. */
  readonly nodes: readonly RedisServer[];

  private constructor(nodes: readonly RedisServer[]) {
    this.nodes = nodes;
  }

  /** @throws NoServiceError where there is no `redis-server`. */
  static async open({ replicas = 0, args = [], tls }: RedisClusterOptions = {}): Promise<RedisCluster> {
    const settings = ['--cluster-enabled', 'yes', '--cluster-node-timeout', `${NODE_TIMEOUT_MS}`, '--cluster-replica-validity-factor', '0', '--repl-diskless-sync-delay', '0'];
    const secure = tls === undefined ? [] : ['--tls-cluster', 'yes', '--tls-replication', 'yes'];
    const node = async (): Promise<RedisServer> =>
      RedisServer.open({ args: [...settings, '--cluster-port', `${await restartablePort()}`, ...secure, ...args], ...(tls && { tls }) });
    const cluster = new RedisCluster(await Promise.all(Array.from({ length: PRIMARIES * (1 + replicas) }, node)));
    try {
      await cluster.#join();
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  /** `redis+cluster://` with the primaries, or `rediss+cluster://`. */
  get url(): string {
    const scheme = this.nodes[0]?.tlsPort === undefined ? 'redis' : 'rediss';
    return `${scheme}+cluster://${this.nodes.slice(0, PRIMARIES).map(({ port, tlsPort }) => `127.0.0.1:${tlsPort ?? port}`).join(',')}`;
  }

  /** Which of the nodes has the slot now, as the most of them say. */
  async ownerOf(slot: number): Promise<RedisServer> {
    const answers = await Promise.all(this.nodes.map((node) => this.#slots(node).catch(() => [])));
    const ports = answers.flat().filter(([from, to]) => from <= slot && slot <= to).map(([, , [, port]]) => port);
    const most = ports.toSorted((a, b) => ports.filter((port) => port === b).length - ports.filter((port) => port === a).length)[0];
    const owner = this.nodes.find(({ port }) => port === most);
    if (owner === undefined) throw new Error(`nobody has slot ${slot}`);
    return owner;
  }

  async idOf(node: RedisServer): Promise<string> {
    return String(await asked(node, 'CLUSTER', 'MYID'));
  }

  /** The two steps in which a slot moves, with its keys in between. */
  async beginMove(slot: number, { from, to }: { readonly from: RedisServer; readonly to: RedisServer }): Promise<void> {
    await asked(to, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', await this.idOf(from));
    await asked(from, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', await this.idOf(to));
  }

  async endMove(slot: number, { from, to }: { readonly from: RedisServer; readonly to: RedisServer }): Promise<void> {
    const id = await this.idOf(to);
    for (const node of [to, from, ...this.nodes.slice(0, PRIMARIES)]) await asked(node, 'CLUSTER', 'SETSLOT', slot, 'NODE', id);
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
  }

  async #busPortOf(node: RedisServer): Promise<string> {
    const [, port] = (await asked(node, 'CONFIG', 'GET', 'cluster-port')) as [string, string];
    return port;
  }

  #slots(node: RedisServer): Promise<[from: number, to: number, primary: [host: string, port: number]][]> {
    return asked(node, 'CLUSTER', 'SLOTS') as Promise<[number, number, [string, number]][]>;
  }

  async #join(): Promise<void> {
    const [first, ...others] = this.nodes as [RedisServer, ...RedisServer[]];
    for (const [index, node] of this.nodes.slice(0, PRIMARIES).entries()) {
      const [from, to] = [Math.ceil((index * SLOTS) / PRIMARIES), Math.ceil(((index + 1) * SLOTS) / PRIMARIES) - 1];
      await asked(node, 'CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
      await asked(node, 'CLUSTER', 'ADDSLOTSRANGE', from, to);
    }
    for (const node of others) await asked(first, 'CLUSTER', 'MEET', '127.0.0.1', node.tlsPort ?? node.port, await this.#busPortOf(node));
    const isSo = async (node: RedisServer): Promise<boolean> => {
      const said = String(await asked(node, 'CLUSTER', 'INFO'));
      return said.includes('cluster_state:ok') && said.includes(`cluster_known_nodes:${this.nodes.length}`);
    };
    const allSo = async (): Promise<true | undefined> => ((await Promise.all(this.nodes.map(isSo))).every(Boolean) ? true : undefined);
    await eventually(allSo, { what: 'the nodes of a Cluster to know each other' });
    for (const [index, node] of this.nodes.slice(PRIMARIES).entries()) await asked(node, 'CLUSTER', 'REPLICATE', await this.idOf(this.nodes[index] as RedisServer));
    const areFollowing = async (): Promise<true | undefined> => {
      const roles = await Promise.all(this.nodes.slice(PRIMARIES).map((node) => asked(node, 'INFO', 'replication')));
      return roles.every((said) => String(said).includes('master_link_status:up')) ? true : undefined;
    };
    await eventually(areFollowing, { what: 'the replicas of a Cluster to follow' });
    await eventually(allSo, { what: 'the Cluster to be whole' });
  }
}
