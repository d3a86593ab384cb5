/** Is there a Chromium on PATH? Known without loading what drives it. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** Undefined: there is none. */
export function browserPath(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find((path) => isExecutable(path));
}

/** Why browser specs can't run, or undefined where they can. */
export function browserMissing(): string | undefined {
  return browserPath() === undefined ? `no ${NAMES.join(', ')} on PATH` : undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
