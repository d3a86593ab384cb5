/** `node scripts/run.mjs NAME [flag…]` runs apps/NAME, the scenarios or the benchmarks. */
import { checkNodeVersion } from './node-version.mjs';

checkNodeVersion();
const { launch } = await import('./launch.mjs');
const [name = '', ...args] = process.argv.slice(2);
await launch(name, args);
