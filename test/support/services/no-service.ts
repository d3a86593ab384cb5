/** A service can't be had on this machine: a reason to leave tests out where CI isn't set, and no defect. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Says what was looked for, and what to do about it. */
export class NoServiceError extends Error {
  override readonly name = 'NoServiceError';
}

/** Where a program is, or undefined. */
export function onPath(program: string): string | undefined {
  const places = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, program));
  return places.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
