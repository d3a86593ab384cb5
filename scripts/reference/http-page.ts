/** docs/reference/http.md: each path and each object, as libs/wire/openapi.yaml has them. */
import { allowed, resolved, type Schema } from './json-schema.ts';
import { anchor, code, head, page, table } from './markdown.ts';

export interface Answer {
  readonly $ref?: string;
  readonly description?: string;
  readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>;
}

export interface Parameter {
  readonly $ref?: string;
  readonly name?: string;
  readonly in?: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: Schema;
}

export interface Operation {
  readonly tags: readonly string[];
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Answer;
  readonly responses: Readonly<Record<string, Answer>>;
}

export type PathItem = { readonly parameters?: readonly Parameter[] } & { readonly [method in 'get' | 'post' | 'delete']?: Operation };

export interface OpenApi {
  readonly info: { readonly title: string; readonly description: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, PathItem>>;
  readonly components: {
    readonly parameters: Readonly<Record<string, Parameter>>;
    readonly responses: Readonly<Record<string, Answer>>;
    readonly schemas: Readonly<Record<string, Schema>>;
  };
}

export const METHODS = ['get', 'post', 'delete'] as const;

const INTRODUCTION = `What can be asked at \`FUSEBOARD_CONSOLE_LISTEN\` (\`http://127.0.0.1:8090\`). The console has the same as an OpenAPI 3.1 document at
\`/openapi.json\`, for generators of clients; in the sources it is \`libs/wire/openapi.yaml\`. What the answers have in common, and
the events: [console.md](../console.md); each error and what to do about it: [errors.md](errors.md#http); who may ask:
[access.md](../access.md). A body is JSON, at most 2 MiB. An ingest and a proxy have \`/healthz\`, \`/readyz\` and \`/metrics\` too, at
\`FUSEBOARD_ADMIN_LISTEN\`, where an error is \`{"error": "…"}\`.`;

export function httpPage(api: OpenApi): string {
  const find = (name: string): Schema | undefined => api.components.schemas[name];
  const operations = Object.entries(api.paths).flatMap(([path, item]) => METHODS.flatMap((method) => (item[method] === undefined ? [] : [{ path, method, item, operation: item[method] }])));
  const sections = api.tags.flatMap(({ name, description }) => [`## ${name[0]?.toUpperCase()}${name.slice(1)}`, description, ...operations.filter(({ operation }) => operation.tags.includes(name)).flatMap((each) => operationParts(api, each))]);
  const objects = Object.entries(api.components.schemas).filter(([, { properties }]) => properties !== undefined).flatMap(([name, schema]) => objectParts(name, schema, find));
  return page(head('HTTP', 'libs/wire/openapi.yaml'), INTRODUCTION, api.info.description, ...sections, '## Objects', '`?` after a name: it may be absent.', ...objects);
}

interface Found {
  readonly path: string;
  readonly method: string;
  readonly item: PathItem;
  readonly operation: Operation;
}

function operationParts(api: OpenApi, { path, method, item, operation }: Found): string[] {
  const find = (name: string): Schema | undefined => api.components.schemas[name];
  const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((each) => parameterOf(api, each));
  const rows = parameters.map(({ name = '', in: place = '', description = '', schema = {} }) => [code(name), place, linked(schema, find), schema.default === undefined ? '' : code(JSON.stringify(schema.default)), description]);
  const answers = Object.entries(operation.responses).map(([status, answer]) => {
    const { description = '', content } = answerOf(api, answer);
    return [status, bodyOf(content, find), description];
  });
  const body = operation.requestBody === undefined ? '' : `Body: ${bodyOf(operation.requestBody.content, find)}.`;
  return [`### ${method.toUpperCase()} ${path}`, `${operation.summary}.`, table(['parameter', 'in', 'allowed', 'default', 'meaning'], rows), body, table(['answer', 'body', 'when'], answers)];
}

export function parameterOf({ components }: OpenApi, parameter: Parameter): Parameter {
  return parameter.$ref === undefined ? parameter : (components.parameters[nameOf(parameter.$ref)] ?? parameter);
}

export function answerOf({ components }: OpenApi, answer: Answer): Answer {
  return answer.$ref === undefined ? answer : (components.responses[nameOf(answer.$ref)] ?? answer);
}

function bodyOf(content: Answer['content'], find: (name: string) => Schema | undefined): string {
  return Object.entries(content ?? {}).map(([type, { schema = {} }]) => (type === 'application/json' ? linked(schema, find) : code(type))).join(', ');
}

function objectParts(name: string, schema: Schema, find: (name: string) => Schema | undefined): string[] {
  const rows = Object.entries(schema.properties ?? {}).map(([field, own]) => [`${code(field)}${schema.required?.includes(field) === true ? '' : '?'}`, linked(own, find), meaning(own, find)]);
  return [`### ${name}`, schema.description ?? '', table(['field', 'what', 'meaning'], rows)];
}

/** An object of its own is named and linked, a small one shown where it stands. */
function linked(schema: Schema, find: (name: string) => Schema | undefined): string {
  const target = resolved(schema, find);
  if (schema.$ref !== undefined && target.properties !== undefined) return `[${nameOf(schema.$ref)}](#${anchor(nameOf(schema.$ref))})`;
  if (target.type === 'array' && target.items !== undefined) return `list of ${linked(target.items, find)}`;
  if (target.properties !== undefined) return Object.entries(target.properties).map(([field, own]) => `${code(field)} (${linked(own, find)})`).join(', ');
  return allowed(target, find);
}

function meaning(schema: Schema, find: (name: string) => Schema | undefined): string {
  const { description = '', default: fallback, examples } = resolved(schema, find);
  return `${description}${fallback === undefined ? '' : ` Default: ${code(JSON.stringify(fallback))}.`}${examples === undefined ? '' : ` Example: ${code(String(examples[0]))}.`}`.trim();
}

function nameOf(ref: string): string {
  return ref.slice(ref.lastIndexOf('/') + 1);
}
