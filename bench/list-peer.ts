/** A bare gRPC server that has the answers of `ListBreakers` ready, in a process of its own. */
import { Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { breakerService, type ListedPage, type ListRequest } from './breaker-service.ts';

process.once('message', (pages: readonly ListedPage[]) => {
  const byToken = new Map(pages.map((page, index) => [pages[index - 1]?.next_page_token ?? '', page]));
  const server = new Server();
  server.addService(breakerService().service, {
    ListBreakers: ({ request }: ServerUnaryCall<ListRequest, ListedPage>, answer: sendUnaryData<ListedPage>) => answer(null, byToken.get(request.page_token)),
  });
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
    if (error !== null) throw error;
    process.send?.({ port });
  });
});
