/**
 * In which order spec files are begun. Most of the long ones wait for servers and processes, others work: the two kinds
 * are begun in turn, each with its longest first, so that the cores are used; what is short comes last, so that none is
 * left alone at the end, the units together, since a worker goes on from one to the next.
 */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes ten seconds and more, longest first, by what stands in its path; only speed depends on it. */
const LONG = [
  'e2e/compose.', 'engine/src/fold.property.', 'e2e/fleet.', 'e2e/proxy-cut-off.', 'test/integration/kafka-outages.', 'contract/audit.',
  'e2e/scenarios.', 'contract/fleet-logs.', 'e2e/secured-kafka.', 'e2e/fleet-outages.', 'e2e/rebuild.', 'test/integration/redis-cluster.',
  'http-proxy-slow-clients.', 'e2e/', 'simulation/tool.', 'cli-breakers.', 'integration/services.', 'http-proxy-streaming.', 'kafka-traps.',
  'console-follow.', 'contract/', 'http-proxy-crossing.', 'http-proxy-fuzz-', 'kafka-acls.', 'redis-reach.', 'cli-validate.', 'kafka-strangers.',
  'redis-store.', 'kafka-security.', 'proxy-without-stores.', 'test/integration/redis-sentinel.', 'producers-page.', 'integration/build.', 'pump-simulation.',
];

export class SpecOrder extends BaseSequencer {
  override sort(specs: TestSpecification[]): Promise<TestSpecification[]> {
    const ranked = specs.map((spec) => ({ spec, rank: LONG.findIndex((each) => spec.moduleId.includes(each)) }));
    const long = ranked.filter(({ rank }) => rank !== -1).toSorted((a, b) => a.rank - b.rank).map(({ spec }) => spec);
    const short = ranked.filter(({ rank }) => rank === -1).map(({ spec }) => spec);
    const units = short.filter(({ project }) => project.name === 'unit');
    return Promise.resolve([...inTurn(long), ...inTurn(short.filter((spec) => !units.includes(spec))), ...units]);
  }
}

/** One that waits, one that works. */
function inTurn(specs: readonly TestSpecification[]): TestSpecification[] {
  const isWorking = ({ project }: TestSpecification): boolean => ['unit', 'plain'].includes(project.name);
  const [waiting, working] = [specs.filter((spec) => !isWorking(spec)), specs.filter(isWorking)];
  return Array.from({ length: Math.max(waiting.length, working.length) }, (_, at) => [waiting[at], working[at]]).flat().filter((spec) => spec !== undefined);
}
