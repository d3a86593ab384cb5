/** The console: the read side over gRPC and HTTP. */
import { Server as HttpsServer } from 'node:https';
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { ConsoleVitals } from '#engine';
import { Gates, listen, nestLogger, readListenerTls, renewListenerTls, type Address, type ListenerPem, type Runtime } from '#runtime';
import { breakerMetrics } from './breaker-metrics.ts';
import type { ConsoleDrivers } from './breaker-queries.ts';
import { ConsoleModule } from './console.module.ts';
import { EventHub } from './events/event-hub.ts';
import { EventsController } from './events/events.controller.ts';
import { Feeds } from './feeds.ts';
import { followMetrics } from './follow/follow-metrics.ts';
import { BeatRelay } from './fleet/beat-relay.ts';
import { FleetHttpController } from './fleet/fleet-http.controller.ts';
import { FleetController } from './fleet/fleet.controller.ts';
import { StateFanout } from './follow/state-fanout.ts';
import { StateController } from './follow/state.controller.ts';
import { GrpcServer } from './grpc-server.ts';
import { GrpcController } from './grpc.controller.ts';
import { BODY_BYTES_MAX, JsonErrors, secured } from './http-rim.ts';
import { protoDefinition } from './proto-definition.ts';
import { pageDirectory, readPageFiles } from './page/page-files.ts';
import { servePage } from './page/serve-page.ts';
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
  /** For connections from now on; only where it began with TLS. */
  useTls(renewed: ListenerPem): void;
  /** What it says of itself to people. */
  vitals(): ConsoleVitals;
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
  const gates = new Gates(config.access);
  const { tls: files } = config.access;
  const tls = files && readListenerTls(files);
  const app = await NestFactory.create<NestExpressApplication>(ConsoleModule.forRoot(drivers, runtime), {
    logger: nestLogger(logger),
    abortOnError: false,
    ...(tls && { httpsOptions: { ...tls, requestCert: tls.ca !== undefined, rejectUnauthorized: false } }),
  });
  const grpc = new GrpcServer({ listen: config.grpcListen, gate: gates.at(config.grpcListen.host), definition: protoDefinition(), tls });
  app.connectMicroservice<MicroserviceOptions>({ strategy: grpc });
  app.disable('x-powered-by').disable('etag');
  app.use(servePage(readPageFiles(pageDirectory())));
  app.use(secured(gates.at(config.consoleListen.host)));
  app.useBodyParser('json', { limit: BODY_BYTES_MAX });
  app.useGlobalFilters(new JsonErrors(logger));
  const feeds = app.get(Feeds);
  feeds.onComplete = (complete) => grpc.setServing(complete);
  breakerMetrics(runtime.metrics, app.get(ReadModel));
  followMetrics(runtime.metrics, app.get(StateFanout));
  const useTls = (renewed: ListenerPem): void => (setHttpsTls(app, renewed), grpc.setTls(renewed));
  const stops = [gates.keepRenewed(logger), ...(files && tls ? [renewListenerTls({ files, tls, use: useTls, logger })] : [])];
  const close = async (): Promise<void> => {
    for (const stop of stops) stop();
    grpc.setServing(false);
    app.get(GrpcController).endWatches();
    app.get(StateController).endFollowing();
    app.get(FleetController).endBeats();
    app.get(EventsController).endReading();
    app.get(FleetHttpController).endReading();
    await Promise.all([grpc.stop(GRACE_MS), closeHttp(app)]);
    app.get(BeatRelay).close();
    await app.get(EventHub).close();
    await feeds.stop();
    await app.close();
  };
  try {
    await app.startAllMicroservices();
    await app.init();
    const httpAddress = await listen(app.getHttpServer(), config.consoleListen, 'FUSEBOARD_CONSOLE_LISTEN (--console)');
    feeds.start();
    const vitals = (): ConsoleVitals => ({ watchers: app.get(GrpcController).countWatchers(), readers: app.get(EventHub).readers, followers: app.get(StateFanout).size });
    return { httpAddress, grpcAddress: grpc.address, useTls, vitals, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function setHttpsTls(app: NestExpressApplication, tls: ListenerPem): void {
  const server: unknown = app.getHttpServer();
  if (server instanceof HttpsServer) server.setSecureContext(tls);
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
