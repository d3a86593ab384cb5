/** An ingest that ends: killed around its commit, in order, one after the other. */
import type { Direction, FaultLink } from '../../support/fault-link.ts';
import type { Member } from '../../support/fleet.ts';
import { claim, type Row } from '../row.ts';
import type { Stage } from '../stage.ts';
import { ownedBy } from '../world.ts';

/** What the session of a killed member takes, and what taking over may take beside it, seconds. */
const KILL_GOAL_SECONDS = 6 + 2;
const GRACEFUL_GOAL_SECONDS = 2;

type Moment = 'before' | 'during' | 'after';

/** Only a commit names both the script and the channel of the changes. */
function isCommit(bytes: Buffer): boolean {
  return bytes.includes('evalsha') && bytes.includes('}:changes');
}

/** Kills at the next commit: before Redis has it, while Redis has it, or when Redis has answered and nobody knows. */
function killAtCommit(link: FaultLink, ingest: Member, moment: Moment): Promise<void> {
  return new Promise((resolve) => {
    let committing: number | undefined;
    const kill = (): void => {
      link.watcher = () => 'pass';
      ingest.signal('SIGKILL');
      resolve();
    };
    link.watcher = (bytes: Buffer, direction: Direction, connection: number) => {
      if (committing === undefined && direction === 'toServer' && isCommit(bytes)) {
        committing = connection;
        if (moment === 'after') return 'pass';
        kill();
        return moment === 'before' ? 'cut' : 'pass';
      }
      if (committing !== connection || direction === 'toServer') return 'pass';
      kill();
      return 'cut';
    };
  });
}

async function killAround(stage: Stage, moments: readonly Moment[]): Promise<{ readonly seconds: number; readonly kills: number; readonly finish: () => ReturnType<Row['run']> }> {
  const redis = await stage.redis();
  const link = await stage.link(redis.port);
  const viaLink = { FUSEBOARD_REDIS_URL: `redis://127.0.0.1:${link.port}` };
  const world = await stage.world({ redis, ingests: [viaLink, {}] });
  let seconds = 0;
  let victim = world.ingests[0] as Member;
  for (const [index, moment] of moments.entries()) {
    await world.folding(victim, 1);
    const killedMs = index === 0 ? await world.afterCalm(() => killAtCommit(link, victim, moment)) : await killAtCommit(link, victim, moment).then(() => performance.now());
    await victim.ended;
    seconds = Math.max(seconds, await world.handOver(killedMs));
    if (index + 1 < moments.length) victim = await world.ingest(viaLink);
  }
  const figures = [{ what: 'hand-over, the longest', seconds, goalSeconds: KILL_GOAL_SECONDS }];
  return { seconds, kills: moments.length, finish: () => world.proven(`${moments.length} kills (${moments.join(', ')})`, { figures }) };
}

export const INGEST_ENDS: readonly Row[] = [
  {
    id: 'kill-ingest',
    fault: 'kill -9 of an ingest at its commit',
    how: 'at the commit’s Lua call, seen on a TCP proxy before Redis: before it goes on, as it goes on, and when Redis has answered and the answer is withheld',
    promised: 'no outcome lost, none counted twice; others go on within the session (6 s) and 2 s',
    isShort: true,
    run: async (stage) => (await killAround(stage, ['before', 'during', 'after'])).finish(),
  },
  {
    id: 'rolling-restart',
    fault: 'rolling restart of the ingests',
    how: 'SIGTERM to each of two in turn, a new one in its place',
    promised: 'each ends its batch, commits and leaves with 0; hand-over ≤ 2 s; nothing lost',
    isShort: true,
    run: async (stage) => {
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
        const next = await world.ingest();
        await world.folding(next, 1);
      }
      const owned = world.ingests.filter(({ hasEnded }) => !hasEnded).reduce((sum, ingest) => sum + ownedBy(ingest).size, 0);
      return await world.proven(`${owned} partitions owned at the end`, { figures: [{ what: 'hand-over, the longest', seconds, goalSeconds: GRACEFUL_GOAL_SECONDS }] });
    },
  },
];
