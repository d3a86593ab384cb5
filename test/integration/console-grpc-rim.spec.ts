import { credentials, loadPackageDefinition, status, Metadata, type Client } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { protoPath as healthProto } from 'grpc-health-check';
import descriptor from 'protobufjs/ext/descriptor/index.js';
import { afterEach, describe, expect, it } from 'vitest';
import { ConsoleStage, type Message, type StageOptions } from '../support/console-stage.ts';

const stages: ConsoleStage[] = [];
const clients: Client[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all(stages.splice(0).map((each) => each.close()));
});

async function stage(options?: StageOptions): Promise<ConsoleStage> {
  const own = await ConsoleStage.start(options);
  stages.push(own);
  return own;
}

/** A client of a service by some other .proto file. */
function clientOf(own: ConsoleStage, file: string, service: (loaded: Message) => new (...of: unknown[]) => Client): Message {
  const client = new (service(loadPackageDefinition(loadSync(file, { keepCase: true, enums: String, oneofs: true }))))(
    `127.0.0.1:${own.console.grpcAddress.port}`,
    credentials.createInsecure(),
  );
  clients.push(client);
  return client;
}

const reflectionProto = (version: string): string =>
  join(dirname(createRequire(import.meta.url).resolve('@grpc/reflection')), `../proto/grpc/reflection/${version}/reflection.proto`);

/** Asks as grpcurl does. */
function reflect(own: ConsoleStage, request: object, { version = 'v1', token }: { version?: string; token?: string } = {}): Promise<Message> {
  const client = clientOf(own, reflectionProto(version), (loaded) => loaded.grpc.reflection[version].ServerReflection);
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  return new Promise((resolve, reject) => {
    const stream = client.ServerReflectionInfo(metadata);
    stream.on('data', resolve).on('error', reject);
    stream.write(request);
    stream.end();
  });
}

/** The files of an answer, read. */
function filesOf(answer: Message): Message[] {
  return answer.file_descriptor_response.file_descriptor_proto.map((bytes: Buffer) => descriptor.FileDescriptorProto.decode(bytes).toJSON());
}

function check(own: ConsoleStage, service: string): Promise<string> {
  const client = clientOf(own, healthProto, (loaded) => loaded.grpc.health.v1.Health);
  return new Promise((resolve, reject) => client.Check({ service }, (error: Error | null, answer: Message) => (error ? reject(error) : resolve(answer.status))));
}

describe('reflection', () => {
  it.each(['v1', 'v1alpha'])('lists the services, over %s', async (version) => {
    const own = await stage();
    const answer = await reflect(own, { list_services: '' }, { version });
    const names = answer.list_services_response.service.map(({ name }: Message) => name);
    expect(names).toEqual(expect.arrayContaining(['fuseboard.v1.BreakerService', 'grpc.health.v1.Health']));
  });

  it('gives the files of a service, those it imports included, so that a client needs none of its own', async () => {
    const answer = await reflect(await stage(), { file_containing_symbol: 'fuseboard.v1.BreakerService' });
    const [own, imported] = filesOf(answer);
    expect(own.dependency).toEqual([imported.name]);
    expect(own.messageType.find(({ name }: Message) => name === 'Breaker').field.find(({ name }: Message) => name === 'since').typeName).toBe('.google.protobuf.Timestamp');
    expect(imported.messageType[0].name).toBe('Timestamp');
  });

  it('gives every field the JSON name that protoc gives it, so that JSON mappers print openUntil and nextPageToken', async () => {
    const own = await stage();
    const answers = [await reflect(own, { file_containing_symbol: 'fuseboard.v1.BreakerService' }), await reflect(own, { file_containing_symbol: 'grpc.health.v1.Health' })];
    const messages: Message[] = answers.flatMap(filesOf).flatMap(({ messageType }) => messageType.flatMap((each: Message) => [each, ...(each.nestedType ?? [])]));
    const named = messages.flatMap(({ name, field }) => (field ?? []).map((each: Message) => [`${name}.${each.name}`, each.jsonName]));
    expect(named.filter(([, jsonName]) => !/^[a-z][A-Za-z]*$/.test(jsonName))).toEqual([]);
    expect(Object.fromEntries(named)).toMatchObject({
      'Breaker.upstream': 'upstream',
      'Breaker.open_until': 'openUntil',
      'ListBreakersResponse.next_page_token': 'nextPageToken',
      'Timestamp.nanos': 'nanos',
      'StatusesEntry.key': 'key',
    });
  });

  it('names a map as protobuf does, so that health can be asked through it', async () => {
    const answer = await reflect(await stage(), { file_containing_symbol: 'grpc.health.v1.Health' });
    const statuses = filesOf(answer)[0].messageType.find(({ name }: Message) => name === 'HealthListResponse');
    expect([statuses.field[0].typeName, statuses.nestedType[0].name]).toEqual(['.grpc.health.v1.HealthListResponse.StatusesEntry', 'StatusesEntry']);
  });
});

describe('grpc.health.v1', () => {
  it('is SERVING once the states are known', async () => {
    const own = await stage({ stored: false });
    expect([await check(own, ''), await check(own, 'fuseboard.v1.BreakerService')]).toEqual(['NOT_SERVING', 'NOT_SERVING']);
    await own.commit();
    await expect.poll(() => check(own, '')).toBe('SERVING');
    expect(await check(own, 'fuseboard.v1.BreakerService')).toBe('SERVING');
  });
});

describe('beyond loopback', () => {
  const OPEN = { FUSEBOARD_CONSOLE_LISTEN: '0.0.0.0:0', FUSEBOARD_GRPC_LISTEN: '0.0.0.0:0' };

  it('the token is asked of every service but health, watches and reflection included', async () => {
    const own = await stage({ env: { ...OPEN, FUSEBOARD_TOKEN: 'hush' } });
    const needed = { code: status.UNAUTHENTICATED, details: 'a bearer token is needed (FUSEBOARD_TOKEN)' };
    await expect(own.client().call('ListBreakers')).rejects.toMatchObject(needed);
    await expect(new Promise((resolve, reject) => void own.client().watch().on('data', resolve).on('error', reject))).rejects.toMatchObject(needed);
    await expect(reflect(own, { list_services: '' })).rejects.toMatchObject(needed);
    await expect(own.client({ authorization: 'Bearer wrong' }).call('ListBreakers')).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
    await expect.poll(() => check(own, '')).toBe('SERVING');
    await expect(own.client({ authorization: 'Bearer hush' }).call('ListBreakers')).resolves.toBeDefined();
    await expect(reflect(own, { list_services: '' }, { token: 'hush' })).resolves.toBeDefined();
  });

  it('FUSEBOARD_ANONYMOUS=read lets reads pass', async () => {
    const own = await stage({ env: { ...OPEN, FUSEBOARD_ANONYMOUS: 'read' } });
    await expect.poll(() => check(own, '')).toBe('SERVING');
    await expect(own.client().call('ListBreakers')).resolves.toBeDefined();
    await expect(reflect(own, { list_services: '' })).resolves.toBeDefined();
  });
});

describe('a message beyond 4 MiB', () => {
  it('is refused', async () => {
    const own = await stage();
    await expect(own.client().call('GetBreaker', { upstream: 'x'.repeat(4_194_305) })).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  });
});
