/** Which of the policies' upstreams a line of an access log is about. */

/** Names met and what they came to; beyond it each is worked out again. */
const MET_MAX = 10_000;

const CLUSTER_LOCAL = '.svc.cluster.local';

export class UpstreamNames {
  readonly #known: readonly string[];
  readonly #only: string | undefined;
  readonly #met = new Map<string, string>();

  /** @param known what the policies name */
  constructor(known: readonly string[]) {
    this.#known = [...new Set(known)];
    this.#only = this.#known.length === 1 ? this.#known[0] : undefined;
  }

  /** Can lines that name no upstream be told apart? They can where there is but one. */
  get areTold(): boolean {
    return this.#only !== undefined;
  }

  readonly of = (host: string, cluster: string): string => {
    if (host === '' && cluster === '') return this.#only ?? '(not named)';
    const key = cluster === '' ? host : `${host} ${cluster}`;
    const met = this.#met.get(key);
    if (met !== undefined) return met;
    const name = this.#find(host.toLowerCase()) ?? this.#find(clusterHost(cluster.toLowerCase())) ?? (host === '' ? cluster : host).toLowerCase();
    if (this.#met.size < MET_MAX) this.#met.set(key, name);
    return name;
  };

  /** L3: with its port where a policy says so, else without; a short name where only one policy's can be meant. */
  #find(host: string): string | undefined {
    if (host === '') return undefined;
    if (this.#known.includes(host)) return host;
    const bare = host.replace(/:\d+$/, '');
    if (this.#known.includes(bare)) return bare;
    const longer = this.#known.filter((name) => name.startsWith(`${bare}.`) && name.endsWith(CLUSTER_LOCAL));
    return longer.length === 1 ? longer[0] : undefined;
  }
}

/** Istio calls a cluster `outbound|8080||shop.default.svc.cluster.local`. */
function clusterHost(cluster: string): string {
  const parts = cluster.split('|');
  if (parts.length !== 4) return cluster;
  return `${parts[3]}:${parts[1]}`;
}
