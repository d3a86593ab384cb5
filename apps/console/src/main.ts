/** `npm run start:console`: the read side, on Kafka and Redis. It only joins things. */
import { openFleetFor } from '#drivers';
import { Heart, beginProcess, formatAddress, runMain } from '#runtime';
import { startConsole } from './start-console.ts';

await runMain(async () => {
  const { runtime, stopper } = beginProcess('console');
  const { logger, health } = runtime;
  const drivers = openFleetFor(runtime);
  stopper.onStop('drivers', () => drivers.close());
  const running = await startConsole({ drivers, runtime });
  const { httpAddress, grpcAddress } = running;
  const heart = new Heart({ presence: drivers.presence, runtime, parts: { console: () => running.vitals() } });
  stopper.onStop('heartbeat', () => heart.stop());
  heart.start();
  stopper.onStop('console', () => running.close());
  stopper.onStop('readiness', () => health.stopping());
  logger.info({ address: formatAddress(httpAddress) }, `console: http://${formatAddress(httpAddress)}/, /api/v1/breakers, /readyz, /metrics`);
  logger.info({ address: formatAddress(grpcAddress) }, `gRPC: ${formatAddress(grpcAddress)}, try: npx fuseboard get --server ${formatAddress(grpcAddress)}`);
  await drivers.prepare();
});
