import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Leases } from './leases.ts';

type Step = { readonly upstream: string; readonly untilMs: number | undefined } | { readonly clockMs: number };

const times = fc.integer({ min: 0, max: 20 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ upstream: fc.integer({ min: 0, max: 8 }).map((n) => `u${n}`), untilMs: fc.option(times, { nil: undefined }) }) },
    { weight: 1, arbitrary: fc.record({ clockMs: times }) },
  ),
  { maxLength: 400, size: 'max' },
);

/** Takes out those that are due. */
function walk(all: Map<string, number>, clockMs: number): { upstream: string; untilMs: number }[] {
  const due = Array.from(all, ([upstream, untilMs]) => ({ upstream, untilMs })).filter(({ untilMs }) => untilMs <= clockMs);
  for (const { upstream } of due) all.delete(upstream);
  return due.toSorted((a, b) => a.untilMs - b.untilMs || (a.upstream < b.upstream ? -1 : 1));
}

function set(all: Map<string, number>, upstream: string, untilMs: number | undefined): void {
  if (untilMs === undefined) all.delete(upstream);
  else all.set(upstream, untilMs);
}

test('T5: leases come out as a walk over all of them would give them, whatever was set, replaced and dropped before', () => {
  fc.assert(
    fc.property(steps, (each) => {
      const [leases, all] = [new Leases(), new Map<string, number>()];
      for (const step of each) {
        const clockMs = 'clockMs' in step ? step.clockMs : -1;
        if ('upstream' in step) {
          leases.set(step.upstream, step.untilMs);
          set(all, step.upstream, step.untilMs);
        }
        expect(leases.takeDue(clockMs)).toEqual(walk(all, clockMs));
        expect(leases.earliestMs).toBe(Math.min(...all.values()));
      }
    }),
  );
});
