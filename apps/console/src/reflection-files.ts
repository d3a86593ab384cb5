/**
 * File descriptors as reflection's clients need them. What proto-loader makes has no imports, names types by relative
 * names and map entries wrongly (grpc-node #2958), so that grpcurl can't resolve `google.protobuf.Timestamp`; here the
 * references are made absolute and each file names those that it needs. It has no `json_name` either, which protoc
 * sets on every field and JSON mappers go by: without it grpcurl prints `open_until` for `openUntil`.
 */
import type { PackageDefinition } from '@grpc/proto-loader';
import descriptor, { type IDescriptorProto, type IFileDescriptorProto } from 'protobufjs/ext/descriptor/index.js';

/** The same definition, with file descriptors that hold together. */
export function withReferences(definition: PackageDefinition): PackageDefinition {
  const files = distinctFiles(definition);
  const owners = new Map<string, string>();
  for (const file of files) for (const name of namesIn(file)) owners.set(name, file.name ?? '');
  for (const file of files) resolveFile(file, owners);
  const encoded = files.map((file) => Buffer.from(descriptor.FileDescriptorProto.encode(file).finish()));
  const whole = Object.entries(definition).map(([name, each]) => [name, isDescribed(each) ? { ...each, fileDescriptorProtos: encoded } : each]);
  return Object.fromEntries(whole) as PackageDefinition;
}

type Described = Extract<PackageDefinition[string], { readonly fileDescriptorProtos: unknown }>;

/** A message or an enum; a service has none of its own. */
function isDescribed(each: PackageDefinition[string]): each is Described {
  return 'fileDescriptorProtos' in each && Array.isArray(each.fileDescriptorProtos);
}

/** Every definition brings all files of its load. */
function distinctFiles(definition: PackageDefinition): IFileDescriptorProto[] {
  const bytes = Object.values(definition).filter(isDescribed).flatMap((each) => each.fileDescriptorProtos);
  const files = bytes.map((each) => descriptor.FileDescriptorProto.decode(each) as IFileDescriptorProto);
  return [...new Map(files.map((file) => [file.name, file])).values()];
}

/** Fully qualified, of messages and enums. */
function namesIn(file: IFileDescriptorProto): string[] {
  const within = (scope: string, message: IDescriptorProto): string[] => {
    const name = `${scope}.${message.name}`;
    const enums = (message.enumType ?? []).map((each) => `${name}.${each.name}`);
    return [name, ...enums, ...(message.nestedType ?? []).flatMap((each) => within(name, each))];
  };
  const scope = file.package ?? '';
  return [...(file.messageType ?? []).flatMap((each) => within(scope, each)), ...(file.enumType ?? []).map((each) => `${scope}.${each.name}`)];
}

function resolveFile(file: IFileDescriptorProto, owners: ReadonlyMap<string, string>): void {
  const needed = new Set<string>();
  const absolute = (reference: string, scope: string): string => {
    const name = lookUp(reference, scope, owners);
    const owner = owners.get(name);
    if (owner !== undefined && owner !== file.name) needed.add(owner);
    return `.${name}`;
  };
  const visit = (message: IDescriptorProto, scope: string): void => {
    const inside = `${scope}.${message.name}`;
    for (const field of message.field ?? []) {
      if (field.typeName) field.typeName = absolute(field.typeName, inside);
      field.jsonName = jsonName(field.name ?? '');
    }
    for (const nested of message.nestedType ?? []) visit(nested, inside);
    nameMapEntries(message, inside);
  };
  for (const message of file.messageType ?? []) visit(message, file.package ?? '');
  for (const method of (file.service ?? []).flatMap((service) => service.method ?? [])) {
    if (method.inputType) method.inputType = absolute(method.inputType, file.package ?? '');
    if (method.outputType) method.outputType = absolute(method.outputType, file.package ?? '');
  }
  file.dependency = [...needed];
}

/** As protoc does: underscores go, and the letter after one is a capital. No field of ours says another by itself. */
function jsonName(name: string): string {
  return name.replaceAll(/_+(.?)/g, (_, next: string) => next.toUpperCase());
}

/** As protobuf does: from the innermost scope outwards. */
function lookUp(reference: string, scope: string, owners: ReadonlyMap<string, string>): string {
  if (reference.startsWith('.')) return reference.slice(1);
  for (let outer = scope; outer !== ''; outer = outer.slice(0, Math.max(0, outer.lastIndexOf('.')))) {
    if (owners.has(`${outer}.${reference}`)) return `${outer}.${reference}`;
  }
  return reference;
}

/** A map's entry must be called FieldNameEntry; protobufjs calls it FieldName. */
function nameMapEntries(message: IDescriptorProto, inside: string): void {
  for (const entry of (message.nestedType ?? []).filter(({ options }) => options?.mapEntry)) {
    const field = (message.field ?? []).find(({ typeName }) => typeName === `.${inside}.${entry.name}`);
    if (field === undefined) continue;
    entry.name = `${entry.name}Entry`;
    field.typeName = `.${inside}.${entry.name}`;
  }
}
