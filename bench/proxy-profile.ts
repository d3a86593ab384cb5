/** `BENCH_PROFILE=FOLDER`: our processes under measurement write a CPU profile there when they end. */
const FOLDER = process.env['BENCH_PROFILE'] ?? '';

export function profiled(): { readonly nodeArgs: readonly string[]; readonly env: Readonly<Record<string, string>> } {
  if (FOLDER === '') return { nodeArgs: [], env: {} };
  const nodeArgs = ['--cpu-prof', `--cpu-prof-dir=${FOLDER}`, '--cpu-prof-interval=200'];
  return { nodeArgs, env: { NODE_OPTIONS: nodeArgs.join(' ') } };
}
