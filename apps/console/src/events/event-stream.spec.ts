import { describe, expect, it } from 'vitest';
import { EventStream } from './event-stream.ts';

/** A reader that takes so many events and no more, until it is given room. */
function reader(first: string[], room = Infinity) {
  const written: string[] = [];
  const state = { room, clock: 7 };
  const id = (): string => `run:${state.clock}`;
  const telling = { breaker: (upstream: string) => ({ upstream, at: state.clock }), counts: (upstream: string) => [upstream, state.clock], idNow: id, idOwed: id };
  const outlet = { write: (text: string) => void written.push(text), isFull: () => written.length >= state.room };
  return { stream: new EventStream(telling, outlet, first), written, state };
}

describe('a stream of events', () => {
  it('tells first what was there, in that order, and then the id of when it began', () => {
    const { stream, written, state } = reader(['b', 'a']);
    state.clock = 9;
    stream.tell();
    expect(written).toEqual(['event: breakers\ndata: [{"upstream":"b","at":9},{"upstream":"a","at":9}]\n\n', 'id: run:7\nevent: loaded\ndata: {}\n\n']);
  });

  it('owes a reader who takes nothing one name for each upstream, and then tells what is so by then', () => {
    const { stream, written, state } = reader([], 1);
    stream.tell();
    for (state.clock = 8; state.clock < 1_000; state.clock++) {
      stream.changed(`u${state.clock % 3}`);
      stream.counted(`u${state.clock % 5}`);
      stream.tell();
      stream.say('pulse', {});
    }
    state.room = Infinity;
    stream.tell();
    expect(written.slice(1)).toEqual([
      'event: breakers\ndata: [{"upstream":"u2","at":1000},{"upstream":"u0","at":1000},{"upstream":"u1","at":1000}]\n\n',
      'id: run:1000\nevent: counts\ndata: [["u3",1000],["u4",1000]]\n\n',
    ]);
  });

  it('gives no id to an event after which something is still owed', () => {
    const { stream, written, state } = reader(Array.from({ length: 201 }, (_, index) => `u${index}`));
    stream.tell();
    expect(written.map((text) => text.split('\n', 1)[0])).toEqual(['event: breakers', 'event: breakers', 'id: run:7']);
    state.clock = 8;
    stream.changed('u1');
    stream.counted('u2');
    stream.tell();
    expect(written.slice(3).map((text) => text.split('\n', 1)[0])).toEqual(['event: breakers', 'id: run:8']);
  });
});
