/**
 * L2: an outcome in another partition than its upstream's is sent on once, before the commit that passes it, and is not
 * folded where it was found. V1: a log whose ends don't fit what was folded. The log is the embedded one, and a test
 * says what of it is misrouted, and where it begins and ends.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LogBounds, LogRecord, MisplacedRecord, OutcomeLog, OutcomeReader } from '#engine';
import { PumpStage, Switch } from '../support/pump-stage.ts';

describe('the pump', () => {
  let stage: PumpStage;
  let sent: MisplacedRecord[];
  beforeEach(() => {
    stage = new PumpStage();
    sent = [];
  });
  afterEach(() => stage.close());

  const misrouted = ({ offset, appendMs }: LogRecord, isSentOn = false): LogRecord => ({
    offset,
    appendMs,
    entry: { kind: 'misrouted', upstream: 'other.local', reporter: 'r', count: 3, value: new Uint8Array([1]), isSentOn },
  });
  const outcomes = (sendOn: OutcomeLog['sendOn']): OutcomeLog => ({
    append: (records) => stage.log.outcomes.append(records),
    appendMark: (partition, mark) => stage.log.outcomes.appendMark(partition, mark),
    sendOn,
  });
  const keeping = outcomes(async (records) => void sent.push(...records));
  const reader = (over: Partial<LogBounds>, change: (record: LogRecord) => LogRecord = (record) => record): OutcomeReader => ({
    run: (handler) => stage.log.reader.run(handler),
    bounds: async (partition) => ({ ...(await stage.log.reader.bounds(partition)), ...over }),
    read: async (partition, from, max) => (await stage.log.reader.read(partition, from, max)).map(change),
  });
  const offsets = (): number[] => sent.map(({ offset }) => offset);

  test('L2: sends what is misrouted on, acknowledged before the commit that passes it, and does not fold it', async () => {
    const states = new Switch(stage.log.states);
    const order: string[] = [];
    const inOrder = outcomes(async (records) => {
      await new Promise(setImmediate);
      order.push(`sent ${records.map(({ partition, offset }) => `${partition}@${offset}`).join()}`);
    });
    const pump = await stage.inForce({ errorAmountThreshold: 2 }, stage.pumpOn({ states, outcomes: inOrder }));
    const { commit } = states;
    states.commit = async (each) => (order.push(`committed ${each.next}`), await commit(each));
    await stage.append([500, 500, 200]);
    const [first, second, third] = await stage.batchFor(pump, 10);
    await pump.take(0, [misrouted(first!), misrouted(second!), third!]);
    expect(order).toEqual([`sent 0@${first!.offset},0@${second!.offset}`, `committed ${third!.offset + 1}`]);
    expect(await stage.stored()).toMatchObject({ state: 'closed', window: { total: 1 } });
    expect(stage.observed.findLast(({ what }) => what === 'folded')).toMatchObject({ detail: { tally: { misrouted: 6, counted: 1 } } });
  });

  test('L2: passes nothing that could not be sent on, and sends it once the log is there', async () => {
    let isGone = true;
    const flaky = outcomes(async (records) => {
      if (isGone) throw new Error('no log');
      sent.push(...records);
    });
    const pump = await stage.inForce({ errorAmountThreshold: 2 }, stage.pumpOn({ outcomes: flaky }));
    await stage.append([500]);
    const batch = (await stage.batchFor(pump, 10)).map((record) => misrouted(record));
    await expect(pump.take(0, batch)).rejects.toThrow('no log');
    expect((await stage.log.states.claim(0, 'looking')).meta?.next).toBe(batch[0]!.offset);
    isGone = false;
    await pump.take(0, batch);
    expect(offsets()).toEqual([batch[0]!.offset]);
    expect((await stage.log.states.claim(0, 'looking')).meta?.next).toBe(batch[0]!.offset + 1);
  });

  test('L2: sends on what is misrouted in another log, though as much was sent on of the one before', async () => {
    const states = new Switch(stage.log.states);
    const { control } = stage.log;
    const pump = await stage.inForce({ errorAmountThreshold: 2 }, stage.pumpOn({ states, outcomes: keeping, reader: reader({}, misrouted) }));
    await stage.append([500, 500]);
    const batch = (await stage.batchFor(pump, 10)).map((record) => misrouted(record));
    stage.log = stage.open();
    stage.nowMs += 5;
    await stage.append([200]);
    states.store = stage.open().states;
    await pump.take(0, batch);
    expect((await control.read(0)).at(-1)).toMatchObject({ change: { kind: 'incarnation', number: 2 } });
    expect(offsets().at(-1)).toBe(0);
  });

  test('L2: sends on once, though the commit behind it had no answer and the batch comes again', async () => {
    const states = new Switch(stage.log.states);
    const pump = await stage.inForce({ errorAmountThreshold: 2 }, stage.pumpOn({ states, outcomes: keeping }));
    await stage.append([500]);
    const batch = (await stage.batchFor(pump, 10)).map((record) => misrouted(record));
    states.loseReplies = 1;
    await expect(pump.take(0, batch)).rejects.toThrow('lost');
    await pump.take(0, batch);
    expect(offsets()).toEqual([batch[0]!.offset]);
  });

  test('L2: what was sent on before is not sent on again', async () => {
    const pump = await stage.inForce({ errorAmountThreshold: 2 }, stage.pumpOn({ outcomes: keeping }));
    await stage.append([500]);
    await pump.take(0, (await stage.batchFor(pump, 10)).map((record) => misrouted(record, true)));
    expect(sent).toEqual([]);
  });

  test('L2: a refold into an empty store sends on only what its group had not passed before', async () => {
    const first = await stage.inForce({ errorAmountThreshold: 2 });
    await stage.append([500, 500]);
    const batch = await stage.batchFor(first, 10);
    const last = batch.at(-1)!.offset;
    const states = stage.open().states;
    const refold = reader({ passed: last }, (record) => (record.offset >= batch[0]!.offset ? misrouted(record) : record));
    const pump = stage.pumpOn({ states, outcomes: keeping, reader: refold });
    const next = await pump.assigned(0);
    await pump.take(0, await refold.read(0, next, 100));
    expect(offsets()).toEqual([last]);
  });

  test('V1: goes on under the same incarnation where the log’s first record is gone and its name can’t be told', async () => {
    const first = await stage.inForce({ errorAmountThreshold: 5 });
    await stage.append([500]);
    await stage.run(first);
    await stage.append([500]);
    const { identity: _, ...bounds } = await stage.log.reader.bounds(0);
    const cut: OutcomeReader = { ...reader({}), bounds: async () => ({ ...bounds, first: 1, identity: undefined }) };
    await stage.run(stage.pumpOn({ reader: cut }));
    expect(await stage.stored()).toMatchObject({ incarnation: 1, window: { total: 2 } });
  });

  test('V1: a log that ends before what was folded has lost its end: a new incarnation, and no gap passed over', async () => {
    const first = await stage.inForce({ errorAmountThreshold: 5 });
    await stage.append([500, 500]);
    await stage.run(first);
    const { next } = await stage.log.reader.bounds(0);
    const pump = stage.pumpOn({ reader: reader({ next: next - 1 }) });
    expect(await pump.assigned(0)).toBe(0);
    expect(stage.observed).toContainEqual({ what: 'incarnated', detail: expect.objectContaining({ number: 2, reason: expect.stringContaining('lost its end') }) });
  });
});
