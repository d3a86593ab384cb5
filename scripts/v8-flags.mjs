/**
 * What V8 is told of a program's memory. Little that a proxy makes lives longer than its call: a young generation as large as
 * V8 lets it grow holds 25 MB for nothing.
 */
const V8_FLAGS = { proxy: ['--max-semi-space-size=4'] };

/**
 * V8 takes such flags only as it begins: a process that was started without them, as `npm run start:proxy` doesn't, begins anew
 * with them, under the same id. Another size that it was given stays, and so does all where the system has no such thing.
 */
export function beginWithFlags(name) {
  const flags = V8_FLAGS[name] ?? [];
  const given = `${process.execArgv.join(' ')} ${process.env.NODE_OPTIONS ?? ''}`;
  const missing = flags.filter((flag) => !given.includes(flag.split('=')[0]));
  if (missing.length === 0 || process.platform === 'win32') return;
  process.execve(process.execPath, [process.execPath, ...missing, ...process.execArgv, ...process.argv.slice(1)], process.env);
}
