/** A bare gRPC server in a process of its own that tells whoever watches each change that it is sent. */
import { Metadata, Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js';
import type { BreakerMessage } from '#wire';
import { breakerService } from './breaker-service.ts';

type Watching = ServerWritableStream<object, Partial<BreakerMessage>>;

const watching = new Set<Watching>();
const server = new Server();
server.addService(breakerService().service, {
  WatchBreakers: (call: Watching) => {
    watching.add(call);
    call.sendMetadata(new Metadata());
    call.on('cancelled', () => watching.delete(call));
  },
});
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.send?.({ port });
});
process.on('message', (breaker: Partial<BreakerMessage>) => {
  for (const call of watching) call.write(breaker);
});
