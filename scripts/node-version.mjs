/** Plain JavaScript that old Nodes can read, so that they can say what is wrong instead of failing somewhere inside. */
export const NODE_MAJOR = 26;

/** Ends the process with 1, and what to do, if this Node is too old. */
export function checkNodeVersion() {
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) return;
  process.stderr.write(
    `Fuseboard needs Node ${NODE_MAJOR} or later, and this is ${process.version} (${process.execPath}).\n` +
      `In a checkout \`npm ci\` brings the right one: start by \`npm start\` or \`npx fuseboard …\`, or put node_modules/.bin first in PATH.\n`,
  );
  process.exit(1);
}
