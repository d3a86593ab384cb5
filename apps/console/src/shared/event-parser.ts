/** Server-sent events out of a stream's text. Used by the page, and by tests. */

export interface SentEvent {
  readonly id?: string;
  readonly event: string;
  readonly data: string;
}

/** Events out of text that comes in pieces, cut anywhere. */
export class EventParser {
  #rest = '';

  push(text: string): SentEvent[] {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    return blocks.flatMap((block) => eventOf(block) ?? []);
  }
}

/** Undefined: a comment, or a setting that this page doesn't heed. */
function eventOf(block: string): SentEvent | undefined {
  const fields = new Map<string, string>();
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const value = line.slice(colon + 1).replace(/^ /, '');
    const before = fields.get(line.slice(0, colon));
    fields.set(line.slice(0, colon), before === undefined ? value : `${before}\n${value}`);
  }
  const [id, event, data] = [fields.get('id'), fields.get('event'), fields.get('data')];
  if (event === undefined || data === undefined) return undefined;
  return { ...(id === undefined ? {} : { id }), event, data };
}
