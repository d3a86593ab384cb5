/** docs/reference/grpc.md: services and messages with their comments, as the .proto files have them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { anchor, code, head, page, table } from './markdown.ts';

const INTRODUCTION = `Package \`fuseboard.v1\`, at \`FUSEBOARD_GRPC_LISTEN\` (\`127.0.0.1:50051\`), with reflection and \`grpc.health.v1\`. The files are in
\`libs/wire/proto/\`. How to ask, who may, and what the answers have in common: [console.md](../console.md); each status and what to
do about it: [errors.md](errors.md#grpc). Messages are at most 4 MiB.`;

interface Parsed {
  readonly file: string;
  /** Said of the whole file. */
  readonly about: string;
  readonly types: readonly protobuf.ReflectionObject[];
}

export function grpcPage(protoDir: string, files: readonly string[]): string {
  const parsed = files.map((file) => parse(protoDir, file));
  const known = new Set(parsed.flatMap(({ types }) => types.map(({ name }) => name)));
  const services = parsed.flatMap(({ types, about, file }) => types.filter((each) => each instanceof protobuf.Service).map((service) => serviceParts(service, { about, file }, known)));
  const messages = parsed.flatMap(({ file, types }) => [`## Messages of ${file.slice(file.lastIndexOf('/') + 1)}`, ...types.flatMap((type) => typeParts(type, known))]);
  return page(head('gRPC', 'libs/wire/proto/'), INTRODUCTION, ...services.flat(), ...messages);
}

function parse(protoDir: string, file: string): Parsed {
  const source = readFileSync(join(protoDir, file), 'utf8');
  const { root, package: name } = protobuf.parse(source, new protobuf.Root(), { keepCase: true, alternateCommentMode: true });
  const namespace = root.lookup(name ?? '');
  if (!(namespace instanceof protobuf.Namespace)) throw new Error(`${file} has no package`);
  const [, about = ''] = /^syntax = "proto3";\n\n((?:\/\/.*\n)+)package/.exec(source) ?? [];
  return { file, about: about.replaceAll(/^\/\/ ?/gm, ''), types: namespace.nestedArray };
}

function serviceParts(service: protobuf.Service, { about, file }: Pick<Parsed, 'about' | 'file'>, known: ReadonlySet<string>): string[] {
  const methods = service.methodsArray.flatMap((method) => {
    const response = `${method.responseStream === true ? 'stream of ' : ''}${linked(method.responseType, known)}`;
    return [`### ${service.name}.${method.name}`, `${linked(method.requestType, known)} → ${response}`, said(method)];
  });
  return [`## ${service.name}`, `${code(file)}. ${said(service) === '' ? about : said(service)}`, ...methods];
}

function typeParts(type: protobuf.ReflectionObject, known: ReadonlySet<string>): string[] {
  if (type instanceof protobuf.Enum) {
    const rows = Object.entries(type.values).map(([name, number]) => [code(name), String(number), type.comments[name] ?? '']);
    return [`### ${type.name}`, said(type), table(['value', 'number', 'meaning'], rows)];
  }
  if (!(type instanceof protobuf.Type)) return [];
  const rows = type.fieldsArray.map((field) => [code(field.name), typeOf(field, known), String(field.id), said(field)]);
  return [`### ${type.name}`, said(type), rows.length === 0 ? 'It has no fields.' : table(['field', 'type', 'number', 'meaning'], rows)];
}

function typeOf(field: protobuf.Field, known: ReadonlySet<string>): string {
  const notes = [
    ...(field.repeated ? ['repeated'] : []),
    ...(field.options?.['proto3_optional'] === true ? ['optional'] : []),
    ...(field.partOf !== null && field.options?.['proto3_optional'] !== true ? [`one of ${code(field.partOf.name)}`] : []),
  ];
  return [linked(field.type, known), ...notes].join(', ');
}

function linked(type: string, known: ReadonlySet<string>): string {
  return known.has(type) ? `[${code(type)}](#${anchor(type)})` : code(type);
}

function said({ comment }: protobuf.ReflectionObject): string {
  return comment ?? '';
}
