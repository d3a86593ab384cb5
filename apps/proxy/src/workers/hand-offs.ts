/**
 * node:cluster accepts a connection in the primary, hands it to a worker and waits for it to say that it has it. A
 * worker that is killed before never says so, and the primary would hold the connection open for ever: its client
 * would wait for nothing. This closes it.
 */
import type { Worker } from 'node:cluster';

interface HandOff {
  readonly act?: string;
  readonly seq?: number;
  readonly ack?: number;
}

interface Handle {
  close(): void;
}

/** To be called before the worker listens. */
export function closeLostHandOffs({ process: child }: Worker): void {
  const underWay = new Map<number, Handle>();
  const send = child.send.bind(child) as (message: unknown, handle?: unknown, ...rest: unknown[]) => boolean;
  child.send = (message: HandOff, handle?: unknown, ...rest: unknown[]): boolean => {
    if (message.act === 'newconn' && message.seq !== undefined) underWay.set(message.seq, handle as Handle);
    return send(message, handle, ...rest);
  };
  child.on('internalMessage', ({ ack }: HandOff) => {
    if (ack !== undefined) underWay.delete(ack);
  });
  child.once('exit', () => {
    for (const handle of underWay.values()) handle.close();
  });
}
