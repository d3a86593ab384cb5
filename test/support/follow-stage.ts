/** What follows a console, as a proxy does, for one test. */
import { onTestFinished } from 'vitest';
import type { DocumentSet, Snapshot, StateUpdate } from '#engine';
import { isNewer } from '#engine';
import { Secret, type Address } from '#runtime';
import { openConsole, type ConsoleOptions, type OpenConsole } from '../../libs/drivers/src/console/console.ts';

export interface FollowStage extends OpenConsole {
  readonly updates: StateUpdate[];
  readonly documents: DocumentSet[];
  /** As a proxy would believe it. */
  readonly known: ReadonlyMap<string, Snapshot>;
  /** Versions that came after a newer one of the same upstream. */
  readonly older: readonly Snapshot[];
  /** The consoles that were followed, one after another. */
  readonly followed: readonly string[];
  /** `reached`, or why it wasn't, without what is said again. */
  readonly reach: readonly string[];
}

type Options = Partial<Pick<ConsoleOptions, 'partitions' | 'topicPrefix' | 'stayMs'>> & { readonly token?: string };

/** Begins to follow; ended at the test's end. Of an embedded console, unless told otherwise. */
export function stageFollower(consoles: readonly Address[], { token, ...of }: Options = {}): FollowStage {
  const [followed, reach, updates, documents]: [string[], string[], StateUpdate[], DocumentSet[]] = [[], [], [], []];
  const say = (what: string): void => void (reach.at(-1) === what || reach.push(what));
  const opened = openConsole({
    consoles,
    credentials: () => ({ token: token === undefined ? undefined : new Secret(token), tls: undefined }),
    partitions: 1,
    topicPrefix: '',
    reach: { failed: (error) => say((error as Error).message), reached: () => say('reached') },
    onFollowing: (address) => void followed.push(address),
    onError: (error, doing) => say(`${doing}: ${String(error)}`),
    ...of,
  });
  onTestFinished(() => opened.close());
  const known = new Map<string, Snapshot>();
  const older: Snapshot[] = [];
  const hear = (update: StateUpdate): void => {
    updates.push(update);
    for (const snapshot of update.snapshots) {
      const before = known.get(snapshot.upstream);
      if (before !== undefined && isNewer(before, snapshot)) older.push(snapshot);
      known.set(snapshot.upstream, snapshot);
    }
  };
  for (const following of [opened.stateFeed.follow(hear), opened.documentFeed.follow((set) => void documents.push(set))]) following.catch(() => undefined);
  return { ...opened, updates, documents, known, older, followed, reach };
}
