/** docs/reference/policy.md: both documents field by field, as their JSON Schemas have them. */
import { allowed, resolved, type Schema } from './json-schema.ts';
import { code, head, page, table } from './markdown.ts';

interface Field {
  readonly path: string;
  readonly schema: Schema;
  readonly isRequired: boolean;
}

const INTRODUCTION = `What may stand in a document, with unit, range and default, from the JSON Schemas that the reader is tested against at
every bound. What it means, with the reasons, is in [semantics.md](../semantics.md); the rules of counting are in
[model.md](../model.md). **Counted by** says who keeps the number: the whole fleet together, or each proxy process for itself,
so that N of them let N times as much through.

An editor completes and checks a document that begins with one of these lines (the path as you have it):`;

const EDITORS = `\`\`\`yaml
# yaml-language-server: $schema=node_modules/fuseboard/dist/libs/wire/schema/upstream-traffic-setting.schema.json
# yaml-language-server: $schema=node_modules/fuseboard/dist/libs/wire/schema/upstream.schema.json
\`\`\``;

const RULES = `The schemas are a little narrower than \`fuseboard validate\`, which is what decides: a field without a value counts as absent
there. And it sees what no schema can: host names, RE2 expressions, ranges of durations, two documents that claim one host.
An unknown field is refused by both. **Durations** are Go's (${['200ms', '30s', '1m30s', '1.5h'].map(code).join(', ')}), all but \`slowTimeThreshold\` in whole milliseconds. A document
is at most 512 KiB as JSON.`;

export function policyPage(schemas: readonly Schema[]): string {
  return page(head('Policy and Upstream, field by field', 'libs/wire/schema/'), INTRODUCTION, EDITORS, RULES, ...schemas.flatMap(documentParts));
}

function documentParts(schema: Schema): string[] {
  const find = (name: string): Schema | undefined => schema.$defs?.[name];
  const { title = '', description = '', properties = {} } = schema;
  const opening = `${description}\n\n\`\`\`yaml\napiVersion: ${String(properties['apiVersion']?.const)}\nkind: ${title}\n\`\`\``;
  const objects = (['metadata', 'spec'] as const).flatMap((name) => objectParts({ path: name, schema: properties[name] ?? {}, isRequired: true }, find));
  return [`## ${title}`, opening, ...objects];
}

/** The object's own fields, then those of the objects in it. */
function objectParts({ path, schema }: Field, find: (name: string) => Schema | undefined): string[] {
  const fields = fieldsOf(resolved(schema, find), find);
  const rows = fields.map(({ path: name, schema: own, isRequired }) => {
    const fallback = isRequired ? 'required' : defaultOf(own);
    return [code(name), allowed(own, find), fallback, own['x-counted'] ?? '', own.description ?? ''];
  });
  const below = fields.flatMap((field) => {
    const inner = inside(field.schema, find);
    return inner === undefined ? [] : objectParts({ ...field, path: `${path}.${field.path}${field.schema.type === 'array' ? '[]' : ''}`, schema: inner }, find);
  });
  return [`### ${path}`, schema.description ?? '', table(['field', 'type and range', 'default', 'counted by', 'meaning'], rows), ...below];
}

function fieldsOf({ properties = {}, required = [] }: Schema, find: (name: string) => Schema | undefined): Field[] {
  return Object.entries(properties).map(([path, schema]) => ({ path, schema: resolved(schema, find), isRequired: required.includes(path) }));
}

/** The object that a field is, or is a list of; one that may be written in two ways is shown in the first. */
function inside(schema: Schema, find: (name: string) => Schema | undefined): Schema | undefined {
  const own = schema.type === 'array' ? resolved(schema.items ?? {}, find) : schema;
  const first = own.oneOf?.[0] && resolved(own.oneOf[0], find);
  const object = first?.properties === undefined ? own : { ...first, ...(own.description !== undefined && { description: own.description }) };
  return object.properties === undefined ? undefined : object;
}

function defaultOf(schema: Schema): string {
  if (schema.default !== undefined) return schema.default === 0 && schema.description?.includes('0: off') === true ? '0 (off)' : code(typeof schema.default === 'string' && !['true', 'false'].includes(schema.default) ? schema.default : JSON.stringify(schema.default));
  return schema['x-absent'] ?? 'none';
}
