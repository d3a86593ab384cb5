/** `npm run start:proxy`: the data plane, on Kafka and Redis; with FUSEBOARD_PROXY_WORKERS above 1, so many of it. */
import cluster from 'node:cluster';
import { beginProcess, runMain } from '#runtime';

await runMain(async () => {
  const begun = beginProcess('proxy');
  if (cluster.isPrimary && begun.runtime.config.proxy.workers > 1) {
    const { runPrimary } = await import('./workers/primary.ts');
    await runPrimary(begun);
  } else {
    const { runProxy } = await import('./run-proxy.ts');
    await runProxy(begun);
  }
});
