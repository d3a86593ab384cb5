/**
 * What a newcomer finds: an upstream that fails on demand, and the policy that guards it.
 */
import { StartError, formatAddress, type Address } from '#runtime';
import type { DocumentText } from '#wire';
import { startEcho, type EchoServer } from '../../cli/src/echo/server.ts';

const HOST = 'demo.local';
/** The same at each start, so that the demo's documents are; where it is taken, any other. */
const PORT = 8079;

export interface Demo {
  readonly documents: readonly DocumentText[];
  close(): Promise<void>;
}

export async function startDemo(): Promise<Demo> {
  const echo = await startOn(PORT).catch((error: unknown) => {
    if (error instanceof StartError) return startOn(0);
    throw error;
  });
  return { documents: [documentsFor(echo.address)], close: () => echo.close() };
}

/** One command to try, which trips the breaker when it is repeated ten times. */
export function demoCurl(proxy: Address): string {
  return `curl -i -H 'Host: ${HOST}' 'http://${formatAddress(proxy)}/echo?status=511'`;
}

function startOn(port: number): Promise<EchoServer> {
  return startEcho({ listen: { host: '127.0.0.1', port } });
}

function documentsFor(target: Address): DocumentText {
  const text = `apiVersion: fuseboard.dev/v1
kind: Upstream
metadata: { name: demo, namespace: demo }
spec:
  host: ${HOST}
  targets: ["${formatAddress(target)}"]
---
apiVersion: policy.openservicemesh.io/v1alpha1
kind: UpstreamTrafficSetting
metadata: { name: demo, namespace: demo }
spec:
  host: ${HOST}
  connectionSettings:
    http:
      circuitBreaking:
        statTimeWindow: 30s
        errorAmountThreshold: 10
        degradedTimeWindow: 15s
`;
  return { file: 'the demo', text };
}
