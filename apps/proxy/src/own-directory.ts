/** V2: a proxy's own directory, read once at its start, serves until the documents in force have come. */
import type { DocumentSet } from '#engine';
import type { Logger } from '#runtime';
import { problemText, readDirectory, readTexts } from '#wire';

/** Undefined: it can't be read, which is said in the log. A file with a problem is passed over whole. */
export async function readOwnDirectory(path: string, logger: Logger): Promise<DocumentSet | undefined> {
  try {
    const readings = readDirectory(await readTexts(path));
    for (const reading of readings) {
      if ('problems' in reading) for (const problem of reading.problems) logger.error(`${problemText(problem)}; the file is refused`);
    }
    // No control log's set is older than this one.
    return { identity: path, control: -1, documents: readings.flatMap((reading) => ('documents' in reading ? reading.documents : [])) };
  } catch (error) {
    logger.error({ err: error }, `${path} can't be read; nothing is served until the documents in force have come`);
    return undefined;
  }
}
