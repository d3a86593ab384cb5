/**
 * Nest's gRPC server, with what it lacks: the port that was bound, a token asked of every service, a health service,
 * reflection, and bounds on what a client may do.
 */
import { Server, ServerInterceptingCall, logVerbosity, setLogVerbosity, status, type Metadata, type ServerInterceptor } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import type { PackageDefinition } from '@grpc/proto-loader';
import { ServerGrpc } from '@nestjs/microservices';
import { HealthImplementation, protoPath as healthProto } from 'grpc-health-check';
import { loadSync } from '@grpc/proto-loader';
import { bindError, formatAddress, type Address, type Gate, type ListenerPem, type Refusal } from '#runtime';
import { namesIn } from './certificate-names.ts';
import { GrpcCredentials } from './grpc-credentials.ts';
import { withReferences } from './reflection-files.ts';

export interface GrpcServerOptions {
  readonly listen: Address;
  readonly gate: Gate;
  /** Absent: cleartext. */
  readonly tls: ListenerPem | undefined;
  /** Ours: what is served, and what reflection shows beside the health service. */
  readonly definition: PackageDefinition;
}

const PACKAGE = 'fuseboard.v1';
const BREAKER_SERVICE = `${PACKAGE}.BreakerService`;
/** The largest message either way, and what a client may send of metadata, bytes. */
const MESSAGE_MAX_BYTES = 4_194_304;
const METADATA_MAX_BYTES = 16_384;
/** Calls at once on one connection. */
const STREAMS_MAX = 1_000;
/** How often a quiet connection is asked whether it is still there, and how long it may take to answer, ms. */
const KEEPALIVE_MS = 30_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;

const CHANNEL = {
  'grpc.max_receive_message_length': MESSAGE_MAX_BYTES,
  'grpc.max_send_message_length': MESSAGE_MAX_BYTES,
  'grpc.max_metadata_size': METADATA_MAX_BYTES,
  'grpc.max_concurrent_streams': STREAMS_MAX,
  'grpc.keepalive_time_ms': KEEPALIVE_MS,
  'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
  'grpc.keepalive_permit_without_calls': 1,
};

export class GrpcServer extends ServerGrpc {
  readonly #own: GrpcServerOptions;
  readonly #health = new HealthImplementation();
  readonly #credentials: GrpcCredentials;
  #server: Server | undefined;
  #address: Address | undefined;

  constructor(options: GrpcServerOptions) {
    super({
      package: PACKAGE,
      packageDefinition: options.definition,
      onLoadPackageDefinition: (definition: object, server: Server) => {
        const health = loadSync(healthProto);
        this.#health.addToServer(server);
        new ReflectionService(withReferences({ ...(definition as PackageDefinition), ...health })).addToServer(server);
      },
    });
    this.#own = options;
    this.#credentials = new GrpcCredentials(options.tls);
    this.setServing(false);
  }

  /** With the port that was bound. */
  get address(): Address {
    if (this.#address === undefined) throw new Error('the gRPC server does not listen yet');
    return this.#address;
  }

  /** For connections from now on. */
  setTls(tls: ListenerPem): void {
    this.#credentials.use(tls);
  }

  /** What the health service says. */
  setServing(serving: boolean): void {
    for (const service of ['', BREAKER_SERVICE]) this.#health.setStatus(service, serving ? 'SERVING' : 'NOT_SERVING');
  }

  /** @throws {StartError} if the address can't be bound. */
  override async createClient(): Promise<Server> {
    const { listen, gate } = this.#own;
    // What grpc-js would print beside our log comes as errors and statuses too.
    setLogVerbosity(logVerbosity.NONE);
    const server = new Server({ ...CHANNEL, interceptors: [guarded(gate)] });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(formatAddress(listen), this.#credentials, (error, bound) => {
        if (error === null) resolve(bound);
        // grpc-js gives the system's error as text only.
        else reject(bindError({ message: error.message, code: /\bE[A-Z]{3,}\b/.exec(error.message)?.[0] ?? '' }, listen, 'FUSEBOARD_GRPC_LISTEN (--grpc)'));
      });
    });
    this.#server = server;
    this.#address = { host: listen.host, port };
    return server;
  }

  /** Ends calls gracefully for as long as `graceMs`, then at once. Streams must have been ended by whoever feeds them. */
  async stop(graceMs: number): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => (server.forceShutdown(), resolve()), graceMs);
      server.tryShutdown(() => (clearTimeout(timer), resolve()));
    });
  }
}

/** All that is asked without changing anything but what is shown of a follower; every other method is a write, so that a new one is guarded as such. */
const READS: ReadonlySet<string> = new Set(['GetBreaker', 'ListBreakers', 'WatchBreakers', 'ListTransitions', 'ListPolicies', 'ListControlRecords', 'GetAppliedPolicy', 'Follow', 'GetStoreTime', 'ListProcesses', 'Beat', 'ServerReflectionInfo']);
/** Asked by supervisors, which hold no token. */
const ALWAYS_OPEN = '/grpc.health.v1.Health/';

const CODES: Readonly<Record<Refusal['why'], status>> = {
  unauthenticated: status.UNAUTHENTICATED,
  forbidden: status.PERMISSION_DENIED,
  'too-many': status.RESOURCE_EXHAUSTED,
};

/** @param peer `ADDRESS:PORT`, of IPv6 without brackets */
function addressIn(peer: string): string {
  return peer.slice(0, Math.max(peer.lastIndexOf(':'), 0));
}

function guarded(gate: Gate): ServerInterceptor {
  return (method, call) =>
    new ServerInterceptingCall(call, {
      start(next) {
        if (method.path.startsWith(ALWAYS_OPEN)) return next();
        const name = method.path.slice(method.path.lastIndexOf('/') + 1);
        next({
          onReceiveMetadata(metadata: Metadata, admit) {
            const { sslPeerCertificate: certificate } = call.getAuthContext();
            const asked = { authorization: metadata.get('authorization')[0]?.toString(), peer: addressIn(call.getPeer()), certificateNames: certificate && namesIn(certificate) };
            const verdict = gate.judge(asked, READS.has(name) ? 'read' : 'write');
            if (verdict.admitted) admit(metadata);
            else call.sendStatus({ code: CODES[verdict.why], details: verdict.reason });
          },
        });
      },
    });
}
