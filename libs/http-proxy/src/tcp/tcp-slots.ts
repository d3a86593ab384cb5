/** The connections of a TCP route: each holds a slot from the moment it is dialled until the upstream has closed it too. */
export class TcpSlots {
  #taken = 0;
  readonly #whenEmpty: (() => void)[] = [];

  get taken(): number {
    return this.#taken;
  }

  /** False: `maxConnections` are taken. A limit that is lowered later is reached as connections end. */
  take(maxConnections: number): boolean {
    if (this.#taken >= maxConnections) return false;
    this.#taken++;
    return true;
  }

  give(): void {
    this.#taken--;
    if (this.#taken === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  /** Resolves when none is taken. */
  async empty(): Promise<void> {
    if (this.#taken > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }
}
