/**
 * What reading an outcome costs beside the bare JSON.parse of the same text (goal: at most twice), and what writing
 * one costs. Peers are measured in turns with ours, and the best round of each counts, so that a busy machine blurs
 * both alike.
 */
import { decodeEntry, encodeOutcome, partitionOf } from '#wire';

const RECORDS = 1_000;
const ROUNDS = 60;

export interface CodecResult {
  readonly parseNs: number;
  readonly decodeNs: number;
  readonly stringifyNs: number;
  readonly encodeNs: number;
  readonly partitionNs: number;
  /** decode / bare parse of text; the goal is 2 at most. */
  readonly decodeRatio: number;
  readonly encodeRatio: number;
}

interface Subject {
  readonly run: () => number;
  bestNs: number;
}

let sink = 0;

export async function run(): Promise<CodecResult> {
  const values = Array.from({ length: RECORDS }, (_, i) => Buffer.from(JSON.stringify(record(i))));
  const texts = values.map((value) => value.toString());
  const outcomes = values.map((value) => {
    const entry = decodeEntry(null, value);
    if (entry.kind !== 'outcome') throw new Error('the benchmark writes outcomes that can be read');
    return entry.outcome;
  });
  const parse = subject(() => each(texts, (text) => (JSON.parse(text) as { at: number }).at));
  const decode = subject(() => each(values, (value) => decodeEntry(null, value).kind.length));
  const stringify = subject(() => each(outcomes, (outcome) => Buffer.from(JSON.stringify(outcome)).length));
  const encode = subject(() => each(outcomes, (outcome) => encodeOutcome(outcome).length));
  const partition = subject(() => each(outcomes, (outcome) => partitionOf(outcome.upstream, 12)));
  for (let round = 0; round < ROUNDS; round++) for (const one of [parse, decode, stringify, encode, partition]) measure(one);
  const result: CodecResult = {
    parseNs: parse.bestNs,
    decodeNs: decode.bestNs,
    stringifyNs: stringify.bestNs,
    encodeNs: encode.bestNs,
    partitionNs: partition.bestNs,
    decodeRatio: decode.bestNs / parse.bestNs,
    encodeRatio: encode.bestNs / stringify.bestNs,
  };
  print(result);
  return result;
}

function print(result: CodecResult): void {
  const ns = (value: number) => `${value.toFixed(0)} ns`;
  console.log(`codec: read an outcome  ${ns(result.decodeNs)}  (bare JSON.parse ${ns(result.parseNs)}, ratio ${result.decodeRatio.toFixed(2)}, goal 2)`);
  console.log(`codec: write an outcome ${ns(result.encodeNs)}  (bare JSON.stringify ${ns(result.stringifyNs)}, ratio ${result.encodeRatio.toFixed(2)})`);
  console.log(`codec: partition of a name ${ns(result.partitionNs)}`);
}

/** Like a proxy's own records: about 200 bytes, names that repeat, ids that don't. */
function record(i: number): object {
  return {
    v: 1,
    id: `proxy-a/01J8ZQ${String(i).padStart(12, '0')}`,
    upstream: `service-${i % 20}.circuit-breaking.svc.cluster.local`,
    at: 1_790_000_000_000 + i,
    status: i % 5 === 0 ? 511 : 200,
    durationMs: 4.2 + i / 7,
    reporter: 'proxy-a-4f7c',
    incarnation: 1,
    generation: 3,
  };
}

function subject(work: () => number): Subject {
  return { run: work, bestNs: Infinity };
}

function measure(one: Subject): void {
  const startNs = process.hrtime.bigint();
  for (let i = 0; i < 10; i++) sink += one.run();
  const tookNs = Number(process.hrtime.bigint() - startNs) / (10 * RECORDS);
  one.bestNs = Math.min(one.bestNs, tookNs);
}

function each<T>(items: readonly T[], work: (item: T) => number): number {
  let sum = 0;
  for (const item of items) sum += work(item);
  return sum;
}
