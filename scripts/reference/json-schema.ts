/** The part of JSON Schema that our schemas use, and what a reader wants to know of one field. */

export interface Schema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly title?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean;
  readonly dependentRequired?: Readonly<Record<string, readonly string[]>>;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  /** Range of a duration, where a pattern can't say it. */
  readonly 'x-least'?: string;
  readonly 'x-most'?: string;
  /** What absence means, where no value says it. */
  readonly 'x-absent'?: string;
  readonly 'x-unit'?: string;
  /** By whom it is counted, or for what it holds. */
  readonly 'x-counted'?: string;
}

/** With what it refers to, its own words first. */
export function resolved(schema: Schema, find: (name: string) => Schema | undefined): Schema {
  if (schema.$ref === undefined) return schema;
  const { $ref, ...own } = schema;
  const target = find($ref.slice($ref.lastIndexOf('/') + 1));
  if (target === undefined) throw new Error(`${$ref} is not in the document`);
  return { ...resolved(target, find), ...own };
}

/** Type and range in words. */
export function allowed(schema: Schema, find: (name: string) => Schema | undefined): string {
  const { type, enum: values, minimum, maximum, items } = schema;
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (values !== undefined) return values.map((value) => `\`${typeof value === 'string' && !['true', 'false'].includes(value) ? value : JSON.stringify(value)}\``).join(', ');
  if (schema['x-least'] !== undefined) return `duration, ${schema['x-least']} to ${schema['x-most'] ?? ''}`;
  if (schema.oneOf !== undefined) return [...new Set(schema.oneOf.map((each) => allowed(resolved(each, find), find)))].join(', or ');
  if (type === 'array' && items !== undefined) return `list of ${within(schema.minItems, schema.maxItems)}${allowed(resolved(items, find), find)}`;
  if (type === 'integer' || type === 'number') return `${type === 'integer' ? 'whole number' : 'number'}${range(minimum, maximum)}${unit(schema)}`;
  if (type === 'string') return `${schema.format === 'date-time' ? 'time, RFC 3339' : 'string'}${schema.maxLength === undefined ? '' : `, at most ${count(schema.maxLength)} characters`}`;
  return schema.properties !== undefined ? 'object' : String(type ?? 'any');
}

function range(minimum: number | undefined, maximum: number | undefined): string {
  if (minimum === undefined) return '';
  return maximum === undefined ? ` from ${count(minimum)} on` : `, ${count(minimum)} to ${count(maximum)}`;
}

function within(least: number | undefined, most: number | undefined): string {
  if (most === undefined) return least === undefined ? '' : `${least} or more of `;
  return least === undefined ? `at most ${count(most)} of ` : `${least} to ${count(most)} of `;
}

function unit(schema: Schema): string {
  return schema['x-unit'] === undefined ? '' : ` (${schema['x-unit']})`;
}

function count(value: number): string {
  return value === 4_294_967_295 ? '2^32-1' : value.toLocaleString('en-US');
}
