/** What may be wrong between settings, each being fine by itself. */
import { SETTINGS, type SettingKey } from './settings.ts';

/** Is it written somewhere, or has it a value? */
export type IsSet = (key: SettingKey) => boolean;

export function variableOf(key: SettingKey): string {
  return SETTINGS[key].variable;
}

export function bothOrNone(keys: readonly SettingKey[], isSet: IsSet): string[] {
  const [set, missing] = [keys.filter(isSet).map(variableOf), keys.filter((key) => !isSet(key)).map(variableOf)];
  if (set.length === 0 || missing.length === 0) return [];
  const all = keys.length === 2 ? 'both' : `all ${keys.length}`;
  return [`${missing.join(' and ')} ${areOrIs(missing)} not set, but ${set.join(' and ')} ${areOrIs(set)}; allowed: ${all} or none`];
}

/** Those of `keys` that are set do nothing. @param without what would give them an effect */
export function noEffect(keys: readonly SettingKey[], isSet: IsSet, without: string): string[] {
  const set = keys.filter(isSet).map(variableOf);
  return set.length === 0 ? [] : [`${set.join(' and ')} ${areOrIs(set)} set without ${without}, and would have no effect; allowed: with it, or not at all`];
}

function areOrIs(names: readonly string[]): string {
  return names.length === 1 ? 'is' : 'are';
}
