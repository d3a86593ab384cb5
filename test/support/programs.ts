/**
 * Programs that a machine may lack, and the specs that need them: `*.KIND.spec.ts`. Such specs are a project of their own,
 * which isn't there where the program is missing; scripts/test.mjs says so.
 */
import { dockerMissing } from './services/docker-engine.ts';
import { onPath } from './services/no-service.ts';

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];
const PROMETHEUS = ['prometheus', 'promtool'];

interface Kind {
  readonly kind: string;
  /** Why its specs can't run, or undefined where they can. */
  readonly missing: () => string | undefined;
  /** In CI too they may be missing; those that may not fail there. */
  readonly isOptional?: true;
}

const KINDS: readonly Kind[] = [
  { kind: 'docker', missing: dockerMissing, isOptional: true },
  { kind: 'browser', missing: () => (browserPath() === undefined ? `no ${BROWSERS.join(', ')} on PATH` : undefined) },
  { kind: 'prometheus', missing: () => PROMETHEUS.filter((name) => onPath(name) === undefined).map((name) => `no ${name} on PATH`)[0] },
];

export const KIND_NAMES = KINDS.map(({ kind }) => kind);

/** Undefined: there is none. */
export function browserPath(): string | undefined {
  return BROWSERS.map(onPath).find((path) => path !== undefined);
}

/** Kinds that are left out here, with the reason. */
export function leftOutKinds(): ReadonlyMap<string, string> {
  const isCi = process.env['CI'] === 'true';
  const reasons = KINDS.filter(({ isOptional = false }) => isOptional || !isCi).map(({ kind, missing }) => [kind, missing()] as const);
  return new Map(reasons.flatMap(([kind, reason]) => (reason === undefined ? [] : [[kind, reason]])));
}
