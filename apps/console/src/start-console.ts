/** The console: the read side over gRPC and HTTP. */
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { listen, nestLogger, type Address, type Runtime } from '#runtime';
import { breakerMetrics } from './breaker-metrics.ts';
import type { ConsoleDrivers } from './breaker-queries.ts';
import { ConsoleModule } from './console.module.ts';
import { Feeds } from './feeds.ts';
import { Gate } from './gate.ts';
import { followMetrics } from './follow/follow-metrics.ts';
import { StateFanout } from './follow/state-fanout.ts';
import { StateController } from './follow/state.controller.ts';
import { GrpcServer } from './grpc-server.ts';
import { GrpcController } from './grpc.controller.ts';
import { JsonErrors, secured } from './http-rim.ts';
import { protoDefinition } from './proto-definition.ts';
import { ReadModel } from './read-model.ts';

export interface ConsoleOptions {
  /** Opened, and closed, by the caller. */
  readonly drivers: ConsoleDrivers;
  /** Its `config` says where to listen and who may ask. */
  readonly runtime: Runtime;
}

export interface RunningConsole {
  /** With the ports that were bound. */
  readonly httpAddress: Address;
  readonly grpcAddress: Address;
  /** Ends watches, lets what was asked be answered, and lets go of the feeds. */
  close(): Promise<void>;
}

/** How long what was asked may take to be answered when the console stops, ms. */
const GRACE_MS = 500;

/**
 * Listens, then reads states and documents in the background: the process's health says when they have come.
 * @throws {StartError} if an address can't be bound.
 */
export async function startConsole({ drivers, runtime }: ConsoleOptions): Promise<RunningConsole> {
  const { config, logger } = runtime;
  const app = await NestFactory.create<NestExpressApplication>(ConsoleModule.forRoot(drivers, runtime), { logger: nestLogger(logger), abortOnError: false });
  const grpc = new GrpcServer({ listen: config.grpcListen, gate: new Gate(config.access, config.grpcListen.host), definition: protoDefinition() });
  app.connectMicroservice<MicroserviceOptions>({ strategy: grpc });
  app.disable('x-powered-by').disable('etag');
  app.use(secured(new Gate(config.access, config.consoleListen.host)));
  app.useGlobalFilters(new JsonErrors(logger));
  const feeds = app.get(Feeds);
  feeds.onComplete = (complete) => grpc.setServing(complete);
  breakerMetrics(runtime.metrics, app.get(ReadModel));
  followMetrics(runtime.metrics, app.get(StateFanout));
  const close = async (): Promise<void> => {
    grpc.setServing(false);
    app.get(GrpcController).endWatches();
    app.get(StateController).endFollowing();
    await Promise.all([grpc.stop(GRACE_MS), closeHttp(app)]);
    await feeds.stop();
    await app.close();
  };
  try {
    await app.startAllMicroservices();
    await app.init();
    const httpAddress = await listen(app.getHttpServer(), config.consoleListen, 'FUSEBOARD_CONSOLE_LISTEN (--console)');
    feeds.start();
    return { httpAddress, grpcAddress: grpc.address, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function closeHttp(app: NestExpressApplication): Promise<void> {
  const server = app.getHttpServer();
  if (!server.listening) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS);
    server.close(() => (clearTimeout(timer), resolve()));
    server.closeIdleConnections();
  });
}
