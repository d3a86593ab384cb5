/** The proxy against its peers, all parts; each is also a benchmark of its own by name. */
import { run as runWorks } from './proxy-works.ts';

export async function run(): Promise<unknown> {
  return { works: await runWorks() };
}
