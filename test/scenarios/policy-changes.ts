/** A policy applied to a host and deleted from it, by its file alone, as osm-edge's test does between its scenarios. */
import { rename, rm, writeFile } from 'node:fs/promises';
import type { BreakerView } from '../support/console-client.ts';
import { eventually } from '../support/eventually.ts';
import { check, type Check } from './checks.ts';
import { call } from './load.ts';
import type { Stage } from './stage.ts';

export interface Changes {
  readonly stage: Stage;
  readonly file: string;
  readonly text: string;
  /** The policy has no breaker, so nothing can be asked of one. */
  readonly limitsOnly: boolean;
}

const LIMITS_PROBES = 3;

/** The file appears whole, so that it is never read half-written. */
export async function applyPolicy({ stage, file, text, limitsOnly }: Changes): Promise<Check[]> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
  if (limitsOnly) {
    await eventually(async () => ((await overloadedOf(stage)) > 0 ? true : undefined), { what: 'the limits to be in force' });
    return [];
  }
  const breaker = await breakerInForce(stage);
  return [check('applied: closed, and the window is fresh', breaker.state === 'closed' && breaker.window.total === 0, breaker)];
}

/** The breaker, once its policy is in force. */
export function breakerInForce({ console, upstream }: Stage): Promise<BreakerView> {
  return eventually(async () => {
    const found = await console.findBreaker(upstream);
    return found?.policy === undefined ? undefined : found;
  }, { what: `the policy of ${upstream} to be in force` });
}

export async function deletePolicy({ stage: { console, upstream }, file, limitsOnly }: Changes): Promise<Check[]> {
  const before = limitsOnly ? undefined : await console.breaker(upstream);
  await rm(file);
  if (before === undefined) return [];
  const deleted = await eventually(
    async () => (await console.transitions(upstream)).find(({ generation, cause }) => generation > before.generation && cause.kind === 'policy'),
    { what: `the policy of ${upstream} to be deleted` },
  );
  const after = await console.findBreaker(upstream);
  return [
    check('deleted: closed', deleted.to === 'closed', deleted),
    check('deleted: no policy, no window', after === undefined || (after.policy === undefined && after.window.total === 0), after),
  ];
}

/** Until calls at the same time are all served again. */
export async function limitsAreLifted(stage: Stage): Promise<void> {
  await eventually(async () => ((await overloadedOf(stage)) === 0 ? true : undefined), { what: 'the limits to be lifted' });
}

async function overloadedOf(stage: Stage): Promise<number> {
  const ends = await Promise.all(Array.from({ length: LIMITS_PROBES }, () => call({ ...stage, path: '/echo?delay=20ms' })));
  return ends.filter(({ overloaded }) => overloaded).length;
}
