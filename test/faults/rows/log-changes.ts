/** The log itself is changed: cut behind what was folded, given more partitions. */
import { setTimeout as sleep } from 'node:timers/promises';
import { partitionOf } from '#wire';
import { call } from '../../scenarios/load.ts';
import { eventually } from '../../support/eventually.ts';
import type { Member } from '../../support/fleet.ts';
import { isReady } from '../../support/program.ts';
import { metric } from '../metrics.ts';
import { claim, type Row, type Seen } from '../row.ts';
import type { Stage } from '../stage.ts';
import { CALLED, LEASED, PARTITIONS, STEADY } from '../upstreams.ts';

const losses = (ingest: Member, handling: string): Promise<number> => metric(ingest, 'fuseboard_log_losses_total', 'kind="cut"', `handling="${handling}"`);

async function cut(stage: Stage): Promise<Seen> {
  const world = await stage.world();
  const used = [CALLED, LEASED].map((upstream) => partitionOf(upstream, PARTITIONS));
  const lost = Array.from({ length: PARTITIONS }, (_, partition) => partition).find((partition) => !used.includes(partition)) as number;
  await world.afterCalm(() => (world.ingests[0] as Member).stop());
  // Not folded by anybody, and soon gone.
  await world.ledger.send(STEADY.map((upstream) => ({ upstream, status: 500 })));
  await world.ledger.settle();
  await world.forget(lost);
  const topic = `${world.prefix}.outcomes`;
  await world.admin(async (admin) => {
    const { high: offset } = (await admin.fetchTopicOffsets(topic)).find(({ partition }) => partition === lost) as { readonly high: string };
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: lost, offset }] });
  });
  world.ledger.begin();

  const careful = await world.ingest({ FUSEBOARD_LOST_LOG: 'stop' });
  await eventually(async () => (await losses(careful, 'stop')) > 0 || undefined, { what: 'the loss to be told', deadlineMs: 60_000 });
  await world.positions.passed((await world.ledger.send(STEADY.map((upstream) => ({ upstream, status: 200 })))).filter(({ partition }) => partition !== lost));
  claim(!(await isReady(careful.admin)), 'with FUSEBOARD_LOST_LOG=stop the ingest is not ready');
  claim(careful.output.includes('the log was cut'), 'it says that the log was cut');
  await careful.stop();

  await world.ledger.settle();
  const next = await world.ingest();
  // V1: a new incarnation has no policy in force before its first mark, so what the log still had counts for nothing.
  await eventually(async () => {
    const { incarnation = 0, control = -1 } = (await world.drivers.kept.read(lost)).meta ?? {};
    return (incarnation > 1 && control >= 0) || undefined;
  }, { what: 'policies to be in force in the new incarnation', deadlineMs: 60_000 });
  await world.forget(lost);
  world.ledger.begin();
  const seconds = await world.handOver();
  claim((await losses(next, 'rebuild')) > 0, 'with the default the loss is told and counted');
  return await world.proven('stop: that partition was left alone, the others went on; rebuild: a new incarnation began with what the log still had', {
    figures: [{ what: 'folded again with rebuild', seconds }],
    verifyMay: [0, 4],
  });
}

async function partitionsAdded(stage: Stage): Promise<Seen> {
  const world = await stage.world({ ingests: [{}, {}] });
  await world.afterCalm(() => sleep(1_000));
  const seen = await world.proven('');
  await world.admin((admin) => admin.createPartitions({ topicPartitions: [{ topic: `${world.prefix}.outcomes`, count: PARTITIONS + 1 }] }));
  const fromMs = performance.now();
  const ended = (ingest: Member): Promise<true> => eventually(() => ingest.hasEnded || undefined, { what: 'a running ingest to end', deadlineMs: 60_000 });
  await Promise.all(world.ingests.map((ingest) => ended(ingest)));
  const codes = await Promise.all(world.ingests.map((ingest) => ingest.ended));
  const seconds = (performance.now() - fromMs) / 1_000;
  const said = world.ingests.every(({ output }) => output.includes(`has ${PARTITIONS + 1} partitions`));
  claim(said && codes.every((code) => code === 1), `every running ingest says so and ends with 1; they ended with ${codes.join(', ')}`);
  const refused = await world.fleet.ingest().then(async (started) => `ended with ${await started.ended}: ${started.output}`, (error: Error) => error.message);
  claim(refused.includes(`has ${PARTITIONS + 1} partitions`), `an ingest that starts is refused: ${refused.slice(0, 300)}`);
  for (const { proxy, hasEnded } of world.proxies) {
    claim(!hasEnded, 'proxies go on');
    const { status } = await call({ proxy, host: CALLED, path: '/' });
    claim(status === 200, `calls are answered as before, not by ${status}`);
  }
  return { what: `${seen.what}; then running ingests ended with 1, a new one was refused, proxies went on`, figures: [{ what: 'until the running ones had ended', seconds }] };
}

export const LOG_CHANGES: readonly Row[] = [
  {
    id: 'log-cut',
    fault: 'the log is cut behind what was folded',
    how: 'the only ingest is stopped, more is appended, and Kafka deletes all records of one partition; an ingest with FUSEBOARD_LOST_LOG=stop, then one with rebuild',
    promised: 'never passed over in silence: an error, a metric, and what the setting says; the other partitions exact',
    run: cut,
  },
  {
    id: 'partitions-added',
    fault: 'the outcomes topic gets another partition',
    how: 'a partition is added while two ingests run; another starts',
    promised: 'ingests end, or don’t start, and say what to do; no upstream gets two owners; proxies go on',
    run: partitionsAdded,
  },
];
