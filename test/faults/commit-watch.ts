/** Commits as they go by on a link in front of Redis. */
import type { FaultLink, Verdict } from '../support/fault-link.ts';

/** Only a commit names both the script and the channel of the changes. */
function isCommit(bytes: Buffer): boolean {
  return bytes.includes('evalsha') && bytes.includes('}:changes');
}

export interface CommitWatcher {
  /** A commit, before Redis has it. */
  request(): Verdict;
  /** What Redis says next on that connection, before who committed has it. */
  reply(): Verdict;
}

/** Tells of each commit until {@link FaultLink.heal}. */
export function watchCommits(link: FaultLink, watcher: CommitWatcher): void {
  const committing = new Set<number>();
  link.watcher = (bytes, direction, connection) => {
    if (direction === 'toServer') {
      if (!isCommit(bytes)) return 'pass';
      committing.add(connection);
      return watcher.request();
    }
    return committing.delete(connection) ? watcher.reply() : 'pass';
  };
}
