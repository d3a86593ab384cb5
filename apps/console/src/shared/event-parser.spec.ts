import { describe, expect, it } from 'vitest';
import { EventParser } from './event-parser.ts';

const TEXT = 'retry: 1000\n\n: a comment\n\nid: r:1\nevent: breakers\ndata: [1,\ndata: 2]\n\nevent: pulse\ndata: {"a":"b: c"}\n\n';

describe('events out of text', () => {
  it('come out alike wherever it was cut', () => {
    const whole = new EventParser().push(TEXT);
    expect(whole).toEqual([{ id: 'r:1', event: 'breakers', data: '[1,\n2]' }, { event: 'pulse', data: '{"a":"b: c"}' }]);
    for (let cut = 1; cut < TEXT.length; cut++) {
      const parser = new EventParser();
      expect([...parser.push(TEXT.slice(0, cut)), ...parser.push(TEXT.slice(cut))]).toEqual(whole);
    }
  });
});
