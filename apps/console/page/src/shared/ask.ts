/** Asks the console for something once; what changes is told by events. */
import { useEffect, useState } from 'preact/hooks';
import { bearer } from './token.ts';

export type Asked<T> = { readonly kind: 'asking' } | { readonly kind: 'there'; readonly value: T } | { readonly kind: 'failed'; readonly why: string };

/** @throws Error with what the console said */
export async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(path, { ...init, cache: 'no-store', headers: { accept: 'application/json', ...bearer(), ...(init.body === undefined ? {} : { 'content-type': 'application/json' }) } }).catch(() => {
    throw new Error('the console does not answer');
  });
  const body = (await response.json().catch(() => ({}))) as { error?: { message?: string } };
  if (!response.ok) throw new Error(body.error?.message ?? `the console answered ${response.status}`);
  return body as T;
}

/** Anew whenever `path` or `as of` changes; meanwhile what was there stays. */
export function useAsked<T>(path: string, asOf: string): Asked<T> {
  const [asked, setAsked] = useState<Asked<T> & { readonly of?: string }>({ kind: 'asking' });
  useEffect(() => {
    let isWanted = true;
    ask<T>(path).then(
      (value) => isWanted && setAsked({ kind: 'there', value, of: path }),
      (error: unknown) => isWanted && setAsked({ kind: 'failed', why: (error as Error).message, of: path }),
    );
    return () => void (isWanted = false);
  }, [path, asOf]);
  return asked.of === path ? asked : { kind: 'asking' };
}
