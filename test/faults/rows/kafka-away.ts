/** Kafka is away, silent, or in part. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Member } from '../../support/fleet.ts';
import { metricOf } from '../metrics.ts';
import { claim, type Row, type Seen } from '../row.ts';
import type { Stage } from '../stage.ts';
import { PARTITIONS } from '../upstreams.ts';

/** A broker that was killed takes up to 14 s to know itself again; what counts is from then on. */
const BACK_GOAL_SECONDS = 10;
/** K7: a member that hears nothing for so long starts anew; and as much again for what that takes. */
const SILENT_GOAL_SECONDS = 60;
const KILL_GOAL_SECONDS = 8;

async function allDown(stage: Stage): Promise<Seen> {
  const kafka = await stage.kafka();
  const world = await stage.world({ kafkaBrokers: kafka.brokers, ingests: [{}, {}] });
  await world.afterCalm(() => kafka.stop('SIGKILL'));
  await sleep(1_000 * stage.lasting(60, 8));
  await kafka.start();
  const seconds = await world.handOver();
  claim(world.ingests.every(({ hasEnded }) => !hasEnded), 'no ingest ends');
  const dropped = await metricOf(world.proxies, 'fuseboard_reports_dropped_total');
  claim(dropped === 0, `no outcome of a call finds no room; ${dropped} did`);
  return await world.proven(`no process ended, ${world.ledger.resent} records of the ledger sent again`, { figures: [{ what: 'lag zero after Kafka answers', seconds, goalSeconds: BACK_GOAL_SECONDS }] });
}

async function silent(stage: Stage): Promise<Seen> {
  const kafka = await stage.kafka();
  const world = await stage.world({ kafkaBrokers: kafka.brokers, ingests: [{}, {}] });
  await world.afterCalm(() => kafka.freeze());
  await sleep(1_000 * stage.lasting(45, 12));
  kafka.thaw();
  const seconds = await world.handOver();
  return await world.proven('', { figures: [{ what: 'lag zero after it answers', seconds, goalSeconds: BACK_GOAL_SECONDS }] });
}

async function oneDown(stage: Stage): Promise<Seen> {
  const cluster = await stage.kafkaCluster();
  const world = await stage.world({ kafkaBrokers: cluster.brokers, ingests: [{}, {}] });
  const leaders = await cluster.leaders(`${world.prefix}.outcomes`);
  const victim = cluster.node([...leaders.values()][0] as number);
  const fromMs = await world.afterCalm(() => victim.stop('SIGKILL'));
  const seconds = await world.handOver(fromMs);
  await victim.start();
  await cluster.whole();
  // It leads nothing now: killing the other two in turn moves every leader.
  let moved = 0;
  for (const node of cluster.nodes.filter((each) => each !== victim).slice(0, stage.lasting(2, 1))) {
    const killedMs = performance.now();
    await node.stop('SIGKILL');
    moved = Math.max(moved, await world.handOver(killedMs));
    await node.start();
    await cluster.whole();
  }
  return await world.proven('each of the three was killed in turn', {
    figures: [{ what: 'until all was folded again, first broker', seconds, goalSeconds: SILENT_GOAL_SECONDS }, { what: 'the others, at most', seconds: moved, goalSeconds: SILENT_GOAL_SECONDS }],
  });
}

async function oneSilent(stage: Stage): Promise<Seen> {
  const cluster = await stage.kafkaCluster();
  const world = await stage.world({ kafkaBrokers: cluster.brokers, ingests: [{}, {}] });
  const leaders = await cluster.leaders(`${world.prefix}.outcomes`);
  const victim = cluster.node([...leaders.values()][0] as number);
  const fromMs = await world.afterCalm(() => victim.freeze());
  const seconds = await world.handOver(fromMs);
  victim.thaw();
  await cluster.whole();
  const back = await world.handOver();
  return await world.proven('folded on while it was silent', {
    figures: [{ what: 'until all was folded again', seconds, goalSeconds: SILENT_GOAL_SECONDS }, { what: 'lag zero after it answers', seconds: back }],
  });
}

async function ingestCutOff(stage: Stage): Promise<Seen> {
  const { kafka, link, viaLink } = await stage.linkedKafka();
  const world = await stage.world({ kafkaBrokers: kafka.brokers, ingests: [viaLink, {}] });
  const [cutOff, other] = world.ingests as [Member, Member];
  await world.folding(cutOff, 1);
  let longest = 0;
  const ways = [['toServer', 'toClient'], ['toServer'], ['toClient']] as const;
  await world.afterCalm(() => undefined);
  for (const lost of ways.slice(0, stage.lasting(3, 1))) {
    const fromMs = performance.now();
    for (const direction of lost) link.way[direction] = 'lost';
    longest = Math.max(longest, await world.handOver(fromMs));
    await world.folding(other, PARTITIONS);
    link.heal();
    await world.folding(cutOff, 1);
  }
  return await world.proven('another took over each time, and it came back', { figures: [{ what: 'longest hand-over', seconds: longest, goalSeconds: KILL_GOAL_SECONDS }] });
}

export const KAFKA_AWAY: readonly Row[] = [
  {
    id: 'kafka-down',
    fault: 'all brokers are down for 60 s',
    how: 'kill -9 of the only broker, started again 60 s later',
    promised: 'no process ends; calls as before; outcomes wait in bounded buffers; all goes on without a restart',
    isShort: true,
    run: allDown,
  },
  {
    id: 'kafka-silent',
    fault: 'the broker is silent, its connections open',
    how: 'SIGSTOP of the only broker for 45 s, then SIGCONT',
    promised: 'nobody is stuck; all goes on by itself',
    run: silent,
  },
  {
    id: 'broker-down',
    fault: 'one of three brokers is down; leaders move',
    how: 'kill -9 of a leader, then of each of the others in turn, each started again',
    promised: 'the others go on; nothing acknowledged is lost; no consumer is stuck',
    run: oneDown,
  },
  {
    id: 'broker-silent',
    fault: 'one of three brokers is silent',
    how: 'SIGSTOP of a leader until all has been folded, then SIGCONT',
    promised: 'folded on within 60 s while it is silent',
    run: oneSilent,
  },
  {
    id: 'ingest-kafka-cut',
    fault: 'an ingest is cut off from Kafka alone',
    how: 'a TCP proxy between one of two ingests and Kafka swallows all, then only requests, then only answers, until the other has taken over',
    promised: 'the other takes over within the session and 2 s; no partition has two owners that count; it joins again',
    run: ingestCutOff,
  },
];
