/**
 * What V8 is told of a program's memory. Little that a proxy makes lives longer than its call: a young generation as large as
 * V8 lets it grow holds 25 MB for nothing.
 */
const YOUNG_MB = { proxy: 4 };
const FLAG = '--max-semi-space-size';

/**
 * V8 takes such a flag only as it begins: a process that was started without it, as `npm run start:proxy` doesn't, begins anew
 * with it, under the same id. Another size that it was given stays, and so does all where the system has no such thing.
 */
export function beginWithFlags(name) {
  const youngMb = YOUNG_MB[name];
  const given = `${process.execArgv.join(' ')} ${process.env.NODE_OPTIONS ?? ''}`.replaceAll('_', '-');
  if (youngMb === undefined || given.includes(FLAG) || process.platform === 'win32') return;
  process.execve(process.execPath, [process.execPath, `${FLAG}=${youngMb}`, ...process.execArgv, ...process.argv.slice(1)], process.env);
}
