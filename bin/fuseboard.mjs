#!/usr/bin/env node
/** The `fuseboard` command: apps/cli. */
import { checkNodeVersion } from '../scripts/node-version.mjs';

checkNodeVersion();
const { launch } = await import('../scripts/launch.mjs');
await launch('cli', process.argv.slice(2));
