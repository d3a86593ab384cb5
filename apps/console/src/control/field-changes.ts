/** Where two documents differ, field by field. */

export interface FieldChange {
  /** `spec.connectionSettings.http.circuitBreaking.errorAmountThreshold` */
  readonly path: string;
  /** As JSON; '': it was not there. */
  readonly before: string;
  /** As JSON; '': it is not there any more. */
  readonly after: string;
}

/** Longest value that is shown, characters. */
const SHOWN_MAX = 200;

/** In the order of the older one's fields, then of the newer one's. What is as a whole there or not is its fields. */
export function changesBetween(before: unknown, after: unknown): FieldChange[] {
  const [old, now] = [new Map(leaves(before, '')), new Map(leaves(after, ''))];
  const paths = new Set([...old.keys(), ...now.keys()]);
  return [...paths].flatMap((path) => {
    const [was, is] = [old.get(path), now.get(path)];
    return was === is ? [] : [{ path, before: shown(was), after: shown(is) }];
  });
}

function leaves(value: unknown, path: string): [string, string][] {
  if (Array.isArray(value) && value.length > 0) return value.flatMap((item: unknown, n) => leaves(item, `${path}[${n}]`));
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const fields = Object.entries(value);
    if (fields.length > 0) return fields.flatMap(([name, inner]) => leaves(inner, path === '' ? name : `${path}.${name}`));
  }
  return value === undefined ? [] : [[path, JSON.stringify(value)]];
}

function shown(json: string | undefined): string {
  return json === undefined ? '' : json.length <= SHOWN_MAX ? json : `${json.slice(0, SHOWN_MAX)}…`;
}
