/** An ingest that ends, or stands still: killed around its commit, in order, one after the other, frozen. */
import { setTimeout as sleep } from 'node:timers/promises';
import { freeze } from '../../support/freeze.ts';
import type { FaultLink } from '../../support/fault-link.ts';
import type { Member } from '../../support/fleet.ts';
import { watchCommits } from '../commit-watch.ts';
import { metric } from '../metrics.ts';
import { claim, type Row, type Seen } from '../row.ts';
import type { Stage } from '../stage.ts';
import { PARTITIONS } from '../upstreams.ts';

/** What the session of a killed member takes, and what taking over may take beside it, seconds. */
const KILL_GOAL_SECONDS = 6 + 2;
const GRACEFUL_GOAL_SECONDS = 2;

type Moment = 'before' | 'during' | 'after';

/** Kills at the next commit: before Redis has it, while Redis has it, or when Redis has answered and nobody knows. */
function killAtCommit(link: FaultLink, ingest: Member, moment: Moment): Promise<void> {
  return new Promise((resolve) => {
    const kill = (): void => {
      ingest.signal('SIGKILL');
      resolve();
    };
    watchCommits(link, {
      request: () => {
        if (moment !== 'after') kill();
        return moment === 'before' ? 'cut' : 'pass';
      },
      reply: () => {
        kill();
        return 'cut';
      },
    });
  });
}

async function killAround(stage: Stage): Promise<Seen> {
  const { redis, link, viaLink } = await stage.linkedRedis();
  const world = await stage.world({ redisUrl: redis.url, ingests: [viaLink, {}] });
  const moments: readonly Moment[] = ['before', 'during', 'after'];
  let seconds = 0;
  for (const [index, moment] of moments.entries()) {
    const victim = index === 0 ? (world.ingests[0] as Member) : await world.ingest(viaLink);
    await world.folding(victim, 1);
    if (index === 0) await world.afterCalm(() => undefined);
    await killAtCommit(link, victim, moment);
    const killedMs = performance.now();
    await victim.ended;
    link.heal();
    seconds = Math.max(seconds, await world.handOver(killedMs));
  }
  return await world.proven(`killed ${moments.join(', ')} it`, { figures: [{ what: 'longest hand-over', seconds, goalSeconds: KILL_GOAL_SECONDS }] });
}

async function restartInTurn(stage: Stage): Promise<Seen> {
  const world = await stage.world({ ingests: [{}, {}] });
  let seconds = 0;
  await world.afterCalm(() => undefined);
  for (const old of world.ingests.slice()) {
    await world.folding(old, 1);
    const fromMs = performance.now();
    const [code, took] = await Promise.all([old.stop(), world.handOver(fromMs)]);
    claim(code === 0, `an ingest ends with 0 after SIGTERM, not ${code}`);
    // Those of the moment of the stop, and those after it.
    seconds = Math.max(seconds, took, await world.handOver());
    await world.folding(await world.ingest(), 1);
  }
  return await world.proven('both ended with 0', { figures: [{ what: 'longest hand-over', seconds, goalSeconds: GRACEFUL_GOAL_SECONDS }] });
}

async function zombie(stage: Stage): Promise<Seen> {
  const world = await stage.world({ ingests: [{}, {}] });
  const [frozen, other] = world.ingests as [Member, Member];
  await world.folding(frozen, 1);
  const fromMs = await world.afterCalm(() => freeze(frozen.pid));
  const seconds = await world.handOver(fromMs);
  await world.folding(other, PARTITIONS);
  await sleep(1_000 * stage.lasting(60, 12) - (performance.now() - fromMs));
  frozen.signal('SIGCONT');
  const thawedMs = performance.now();
  // What it holds from before is older than what the other has made meanwhile.
  await world.folding(frozen, 1);
  const [fenced, ahead] = [await metric(frozen, 'fuseboard_commits_total', 'FENCED'), await metric(frozen, 'fuseboard_commits_total', 'AHEAD')];
  const back = await world.handOver(thawedMs);
  return await world.proven(`the thawed one was answered FENCED ${fenced} times, AHEAD ${ahead} times, and folds again`, {
    figures: [{ what: 'hand-over', seconds, goalSeconds: KILL_GOAL_SECONDS }, { what: 'after SIGCONT until it folds again', seconds: back }],
  });
}

/** Shorter than a session. */
const STALL_MS = 5_000;

async function stall(stage: Stage): Promise<Seen> {
  const world = await stage.world({ ingests: [{}, {}] });
  const [stalled] = world.ingests as [Member, Member];
  await world.folding(stalled, 1);
  const fromMs = await world.afterCalm(() => freeze(stalled.pid));
  await sleep(STALL_MS);
  stalled.signal('SIGCONT');
  const seconds = await world.handOver(fromMs);
  await world.folding(stalled, 1);
  return await world.proven('', { figures: [{ what: 'until all was folded again', seconds, goalSeconds: KILL_GOAL_SECONDS }] });
}

async function storm(stage: Stage): Promise<Seen> {
  const world = await stage.world({ ingests: [{}, {}] });
  await world.afterCalm(() => undefined);
  const rounds = stage.lasting(8, 3);
  for (let round = 0; round < rounds; round++) {
    const guest = await world.ingest();
    await sleep(2_500);
    // In turn: leaves in order; is gone without a word.
    await (round % 2 === 0 ? guest.stop() : guest.kill());
    await sleep(2_500);
  }
  const seconds = await world.handOver();
  return await world.proven(`${rounds} came and went`, { figures: [{ what: 'lag zero after the last', seconds, goalSeconds: KILL_GOAL_SECONDS }] });
}

export const INGEST_ENDS: readonly Row[] = [
  {
    id: 'ingest-killed',
    fault: 'kill -9 of an ingest at its commit',
    how: 'at the commit’s Lua call, seen on a TCP proxy before Redis: before it goes on, as it goes on, and when Redis has answered and the answer is withheld',
    promised: 'no outcome lost, none counted twice; the others go on within the session (6 s) and 2 s',
    isShort: true,
    run: killAround,
  },
  {
    id: 'rolling-restart',
    fault: 'rolling restart of the ingests',
    how: 'SIGTERM to each of two in turn, a new one in its place',
    promised: 'each ends its batch, commits and leaves, with 0; hand-over ≤ 2 s; nothing lost',
    isShort: true,
    run: restartInTurn,
  },
  {
    id: 'ingest-zombie',
    fault: 'an ingest stands still for longer than its session, then goes on',
    how: 'SIGSTOP for 60 s, then SIGCONT',
    promised: 'another takes over; what the zombie still commits is answered FENCED or AHEAD and changes nothing; it joins again',
    isShort: true,
    run: zombie,
  },
  {
    id: 'ingest-stalled',
    fault: 'the event loop of an ingest stands still for 5 s',
    how: 'SIGSTOP for 5 s, then SIGCONT',
    promised: 'it loses its session at most once; nothing lost or counted twice',
    run: stall,
  },
  {
    id: 'rebalance-storm',
    fault: 'members come and go',
    how: 'beside two ingests a third comes each 5 s and leaves half-way, by SIGTERM and by SIGKILL in turn',
    promised: 'state and transitions as the log says; no endless rebalance; lag goes back to zero',
    run: storm,
  },
];
