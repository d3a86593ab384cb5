/** The bearer token, where the console wants one: in this tab's session alone, and sent nowhere but to the console. */
import { signal } from '@preact/signals';

const KEY = 'fuseboard-token';

const kept = signal(sessionStorage.getItem(KEY) ?? '');

/** '': none. */
export function tokenShown(): string {
  return kept.value;
}

/** '': none. */
export function keepToken(token: string): void {
  kept.value = token;
  if (token === '') sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, token);
}

export function bearer(): Readonly<Record<string, string>> {
  return kept.peek() === '' ? {} : { authorization: `Bearer ${kept.peek()}` };
}
