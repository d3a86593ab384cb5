/** A fault link with a test's lifetime, for what a path does that is broken without a word. */
import { onTestFinished } from 'vitest';
import { FaultLink } from './fault-link.ts';

/**
 * `open` passes everything on; `deaf` passes requests on and swallows answers; `dead` swallows both, as a path does
 * whose far end is gone: nothing is closed, and nothing comes.
 */
export type GateState = 'open' | 'deaf' | 'dead';

export interface Gate {
  readonly port: number;
  /** Holds for open connections and new ones. */
  state: GateState;
  /** Where new connections lead. */
  to: number;
  /** Connections so far. */
  readonly accepted: number;
  /** Ends every open connection. */
  cut(): void;
}

/** In front of `port` on loopback; closed at the test's end. */
export async function gateTo(port: number): Promise<Gate> {
  const link = await FaultLink.open(port);
  onTestFinished(() => link.close());
  let now: GateState = 'open';
  return {
    port: link.port,
    get state() {
      return now;
    },
    set state(state) {
      now = state;
      link.way.toServer = state === 'dead' ? 'lost' : 'open';
      link.way.toClient = state === 'open' ? 'open' : 'lost';
    },
    get to() {
      return link.target;
    },
    set to(other) {
      link.target = other;
    },
    get accepted() {
      return link.accepted;
    },
    cut: () => link.cut(),
  };
}
