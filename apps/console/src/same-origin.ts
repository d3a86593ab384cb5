/**
 * No page of another site writes through a person's browser (CSRF). Such a page can send forms and plain text, but no
 * JSON without asking first, and no CORS answer allows it; and the browser says which site asks. A token that is shown by
 * hand proves enough by itself; this is for loopback, where none is needed.
 */
import type { IncomingHttpHeaders } from 'node:http';

export interface Writing {
  readonly headers: IncomingHttpHeaders;
}

/** Why a write is not taken; undefined: it is. */
export function refusalOfWrite({ headers }: Writing): { readonly status: 403 | 415; readonly reason: string } | undefined {
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type !== 'application/json') return { status: 415, reason: `content-type: found ${JSON.stringify(type)}, allowed: application/json` };
  const site = headers['sec-fetch-site'];
  if (typeof site === 'string' && site !== 'same-origin' && site !== 'none') return forbidden(`sec-fetch-site: ${site}`);
  const { origin, host = '' } = headers;
  if (origin !== undefined && hostOf(origin) !== host.toLowerCase()) return forbidden(`origin: ${origin}`);
  return undefined;
}

function forbidden(found: string): { readonly status: 403; readonly reason: string } {
  return { status: 403, reason: `a page of another site asks (${found.slice(0, 200)}); allowed: the console's own page, and programs` };
}

/** With its port; undefined: it names none. */
function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
