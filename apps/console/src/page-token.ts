/** Page tokens: opaque to callers, and good only for the question that they continue. */

/** What a page left off at, and the question it belongs to. */
export interface PagePlace {
  /** Which listing, and what it is filtered by. */
  readonly of: string;
  readonly at: string;
}

export function encodePageToken({ of, at }: PagePlace): string {
  return Buffer.from(JSON.stringify([of, at])).toString('base64url');
}

/** Where to go on; undefined: no page of this question gave it. */
export function decodePageToken(token: string, of: string): string | undefined {
  try {
    const read: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
    return Array.isArray(read) && read.length === 2 && read[0] === of && typeof read[1] === 'string' ? read[1] : undefined;
  } catch {
    return undefined;
  }
}
