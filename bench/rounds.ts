/**
 * Measures subjects in turns, round after round, and takes each one's best round: what else the machine does slows
 * every subject alike, and the best round is the one that it slowed least.
 */
export interface Subject {
  readonly name: string;
  /** Does `operations` of what is measured. */
  readonly run: (operations: number) => unknown;
}

export interface Measured {
  readonly name: string;
  readonly nsPerOperation: number;
  /** Against the subject named as base. */
  readonly ratio: number;
}

let kept: unknown;

export function measure(subjects: readonly Subject[], of: { operations: number; rounds: number; base: string }): Measured[] {
  const bestNs = new Map(subjects.map(({ name }) => [name, Infinity]));
  for (let round = 0; round < of.rounds; round++) {
    for (const { name, run } of subjects) {
      const startNs = process.hrtime.bigint();
      kept = run(of.operations);
      const ns = Number(process.hrtime.bigint() - startNs) / of.operations;
      if (ns < (bestNs.get(name) ?? Infinity)) bestNs.set(name, ns);
    }
  }
  if (kept === bestNs) throw new Error('unreachable, and keeps results alive');
  const baseNs = bestNs.get(of.base) ?? Number.NaN;
  return subjects.map(({ name }) => {
    const nsPerOperation = bestNs.get(name) ?? Number.NaN;
    return { name, nsPerOperation, ratio: nsPerOperation / baseNs };
  });
}

export function print(rows: readonly Measured[], of: { what: string; base: string }): void {
  console.table(
    rows.map(({ name, nsPerOperation, ratio }) => ({
      [of.what]: name,
      ns: Number(nsPerOperation.toFixed(1)),
      [`× ${of.base}`]: Number(ratio.toFixed(2)),
    })),
  );
}
