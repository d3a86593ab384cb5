import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { Secret } from './secret.ts';

it('a secret is printed by nothing, and revealed by name only', () => {
  const secret = new Secret('hunter2');
  const printed = [String(secret), JSON.stringify({ secret }), inspect({ secret }), inspect(secret, { showHidden: true }), ['', secret].join('')];
  for (const text of printed) {
    expect(text).toContain('[redacted]');
    expect(text).not.toContain('hunter2');
  }
  expect(secret.reveal()).toBe('hunter2');
});
