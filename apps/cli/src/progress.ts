/** A bar on standard error while a command works, on a terminal only: a pipe gets nothing of it. */
const WIDTH = 30;
/** Between two drawings, ms. */
const EACH_MS = 100;

export class Progress {
  readonly #isShown = process.stderr.isTTY;
  #drawnMs = -Infinity;

  /** @param share 0 to 1 */
  readonly show = (share: number): void => {
    if (!this.#isShown || performance.now() < this.#drawnMs + EACH_MS) return;
    this.#drawnMs = performance.now();
    const full = Math.round(Math.min(Math.max(share, 0), 1) * WIDTH);
    process.stderr.write(`\r[${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}] ${Math.floor(share * 100)} %`);
  };

  /** Before anything else is printed. */
  clear(): void {
    if (this.#isShown && this.#drawnMs > 0) process.stderr.write('\r\u001b[K');
  }
}
