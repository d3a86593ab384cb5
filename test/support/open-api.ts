/** The OpenAPI document as a judge: does what the console answered fit what stands there? */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { openApiFile } from '#wire';
import { METHODS, answerOf, type OpenApi, type Operation } from '../../scripts/reference/http-page.ts';

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

export interface Described {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

export class OpenApiDocument {
  readonly document = parse(readFileSync(openApiFile(), 'utf8')) as OpenApi;
  readonly operations: readonly Described[] = Object.entries(this.document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => (item[method] === undefined ? [] : [{ id: item[method].operationId, method: method.toUpperCase(), path, operation: item[method] }])),
  );
  readonly #ajv = new Ajv2020({ strictTypes: false, strictRequired: false, schemas: [referring({ $id: 'api', $defs: this.document.components.schemas })], formats: { 'date-time': RFC_3339 } });
  /** `GET /path 200` of what was answered and fitted. */
  readonly seen = new Set<string>();

  find(id: string): Described {
    const found = this.operations.find((each) => each.id === id);
    if (found === undefined) throw new Error(`${id} is no operation of the document`);
    return found;
  }

  /** What does not fit; '' where all does. */
  async misfit(id: string, response: Response): Promise<string> {
    const { method, path, operation } = this.find(id);
    const name = `${method} ${path} ${response.status}`;
    const described = operation.responses[`${response.status}`];
    const text = await response.text();
    if (described === undefined) return `${name} is not described: ${text.slice(0, 300)}`;
    const type = response.headers.get('content-type')?.split(';', 1)[0] ?? '';
    const schema = answerOf(this.document, described).content?.[type]?.schema;
    if (schema === undefined) return `${name}: ${type} is not described`;
    if (type === 'application/json' && !this.fits(schema, JSON.parse(text))) return `${name}: ${this.#ajv.errorsText()} in ${text.slice(0, 600)}`;
    this.seen.add(name);
    return '';
  }

  fits(schema: object, value: unknown): boolean {
    return this.#ajv.validate(referring(schema), value);
  }

  /** All that the document says may be answered. */
  get described(): readonly string[] {
    return this.operations.flatMap(({ method, path, operation }) => Object.keys(operation.responses).map((status) => `${method} ${path} ${status}`));
  }
}

/** Its references as a schema of its own has them. */
function referring(schema: object): object {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/components/schemas/', '"api#/$defs/')) as object;
}
