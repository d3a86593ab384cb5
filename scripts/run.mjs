/** `node scripts/run.mjs NAME [flag…]` runs apps/NAME, the scenarios or the benchmarks. */
import { checkNodeVersion } from './node-version.mjs';
import { beginWithFlags } from './v8-flags.mjs';

checkNodeVersion();
const [name = '', ...args] = process.argv.slice(2);
beginWithFlags(name);
const { launch } = await import('./launch.mjs');
await launch(name, args);
