/** Asks the console for something; most of what changes is told by events. */
import { useEffect, useState } from 'preact/hooks';
import { bearer } from './token.ts';

export type Asked<T> = { readonly kind: 'asking' } | { readonly kind: 'there'; readonly value: T } | { readonly kind: 'failed'; readonly why: string };

/** Until what could not be asked is asked again, ms. */
const AGAIN_MS = 5_000;

/** The console said no, and would again; nothing was done. */
export class Refused extends Error {}

/** @throws Error with what the console said */
export async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(path, { ...init, cache: 'no-store', headers: { accept: 'application/json', ...bearer(), ...(init.body === undefined ? {} : { 'content-type': 'application/json' }) } }).catch(() => {
    throw new Error('the console does not answer');
  });
  if (response.ok) return (await response.json()) as T;
  const isRefused = response.status < 500 && response.status !== 429;
  throw new (isRefused ? Refused : Error)(await messageOf(response));
}

/** Of an answer that isn't what was asked for. */
export async function messageOf(response: Response): Promise<string> {
  const body = (await response.json().catch(() => ({}))) as { error?: { message?: string } };
  return body.error?.message ?? `the console answered ${response.status}`;
}

/** Anew whenever `path` or `as of` changes and, while somebody looks, each `everyMs` and after what may pass; meanwhile what was there stays. */
export function useAsked<T>(path: string, asOf: string, everyMs?: number): Asked<T> {
  const [asked, setAsked] = useState<Asked<T> & { readonly of?: string }>({ kind: 'asking' });
  useEffect(() => {
    let isWanted = true;
    let timer: number | undefined;
    const look = async (): Promise<void> => {
      let nextMs = everyMs;
      const found = await ask<T>(path).then(
        (value): Asked<T> => ({ kind: 'there', value }),
        (error: Error): Asked<T> => {
          nextMs = error instanceof Refused ? undefined : AGAIN_MS;
          return { kind: 'failed', why: error.message };
        },
      );
      if (!isWanted) return;
      setAsked({ ...found, of: path });
      if (nextMs !== undefined) later(nextMs);
    };
    const later = (ms: number): void => void (timer = setTimeout(() => (document.hidden ? later(ms) : void look()), ms));
    void look();
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }, [path, asOf, everyMs]);
  return asked.of === path ? asked : { kind: 'asking' };
}
