import type { Commit, CommitAnswer, PartitionMeta } from '#engine';

/** What the store knows when a commit comes in. */
export interface Standing {
  /** Absent: nothing was ever committed, or it is lost. `commitId` is the last commit's. */
  readonly meta?: PartitionMeta & { readonly commitId: string };
  /** The newest epoch that was claimed for the commit's group; 0: none. */
  readonly epoch: number;
}

/**
 * K2, first that fits. A repeat of the last commit stands, whoever has claimed since; an older owner,
 * incarnation or engine has no say; a newer incarnation begins anew, so it brings all, from wherever it begins; then positions decide.
 */
export function answerTo(commit: Commit, { meta, epoch }: Standing): CommitAnswer {
  if (meta?.commitId === commit.commitId) return { kind: 'ALREADY' };
  if (commit.epoch < epoch) return { kind: 'FENCED' };
  if (meta === undefined) return { kind: commit.expected === null ? 'OK' : 'REGRESSED' };
  const { next } = meta;
  if (commit.incarnation < meta.incarnation) return { kind: 'FENCED' };
  if (commit.incarnation > meta.incarnation) return commit.rewrite === true ? { kind: 'OK' } : { kind: 'REGRESSED', next };
  if (commit.expected === null || next > commit.expected) return { kind: 'AHEAD', next };
  if ((commit.engine ?? 1) < (meta.engine ?? 1)) return { kind: 'FENCED' };
  return next < commit.expected ? { kind: 'REGRESSED', next } : { kind: 'OK' };
}

/** The meta that a commit answered OK leaves behind (K1). */
export function metaAfter(commit: Commit, before: PartitionMeta | undefined): PartitionMeta {
  const { incarnation, next, clockMs, control, log, engine } = commit;
  const kept = before?.incarnation === incarnation ? before.restoringTo : undefined;
  const restoringTo = commit.restoringTo ?? kept;
  const isRestoring = restoringTo !== undefined && next < restoringTo;
  const which = { ...(log === undefined ? {} : { log }), ...(engine === undefined ? {} : { engine }) };
  return { incarnation, next, clockMs, control, sequence: (before?.sequence ?? 0) + 1, ...which, ...(isRestoring ? { restoringTo } : {}) };
}
