/** A console whose states and documents come out of a test's hands, for clients of it. */
import { onTestFinished } from 'vitest';
import type { Document, DocumentSet, StateUpdate } from '#engine';
import { readDocument } from '#wire';
import type { RunningConsole } from '../../apps/console/src/start-console.ts';
import { ConsoleStage } from './console-stage.ts';

export interface HandFedConsole {
  readonly console: RunningConsole;
  readonly hands: { states: (update: StateUpdate) => void; documents: (set: DocumentSet) => void };
}

/** Gone at the test's end. */
export async function handFedConsole(): Promise<HandFedConsole> {
  const hands: HandFedConsole['hands'] = { states: () => {}, documents: () => {} };
  const stage = await ConsoleStage.start({
    stored: false,
    drivers: () => ({
      stateFeed: { follow: async (listener) => ((hands.states = listener), async () => undefined) },
      documentFeed: { follow: async (listener) => ((hands.documents = listener), async () => undefined) },
    }),
  });
  onTestFinished(() => stage.close());
  return { console: stage.console, hands };
}

export function policy(upstream: string, { slowMs = 5_000, content = 'later', enforced = true } = {}): Document {
  const reading = readDocument({
    apiVersion: 'policy.openservicemesh.io/v1alpha1',
    kind: 'UpstreamTrafficSetting',
    metadata: { name: upstream.replace(/\W/g, '-'), namespace: 'n', ...(enforced ? {} : { annotations: { 'fuseboard.dev/enforce': 'false' } }) },
    spec: { host: upstream, connectionSettings: { http: { circuitBreaking: { errorAmountThreshold: 5, slowTimeThreshold: `${slowMs}ms`, degradedStatusCode: 520, degradedResponseContent: content } } } },
  });
  if ('problems' in reading) throw new Error(JSON.stringify(reading.problems));
  return reading.document;
}
