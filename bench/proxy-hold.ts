/** Connections that have each made one call and stay open. */
import { BenchClient } from './proxy-client.ts';
import type { Said } from './proxy-process.ts';
import { shapeOf } from './proxy-world.ts';

/** That are opening and calling at the same time. */
const OPENING_MAX = 100;

export interface HoldOrder {
  readonly port: number;
  readonly connections: number;
}

/** The role that has the connections; it ends when its parent lets go of it. */
export function runHold(say: (said: Said) => void): void {
  process.once('message', ({ port, connections }: HoldOrder) => {
    let [begun, answered] = [0, 0];
    const begin = () => {
      begun++;
      new BenchClient(port, shapeOf('forward'), { onAnswer, onBroken: () => process.exit(1) }).call();
    };
    const onAnswer = (_client: BenchClient, isExpected: boolean) => {
      if (!isExpected) process.exit(1);
      answered++;
      if (answered === connections) say({ kind: 'held' });
      else if (begun < connections) begin();
    };
    while (begun < Math.min(OPENING_MAX, connections)) begin();
  });
}
