/** Documents in few words, and what reading them says. */
import type { Document, TrafficSetting, UpstreamDocument } from '#engine';
import { readDocument } from '#wire';

export const setting = (spec: object, metadata: object = { name: 'p', namespace: 'shop' }) => ({
  apiVersion: 'policy.openservicemesh.io/v1alpha1',
  kind: 'UpstreamTrafficSetting',
  metadata,
  spec: { host: 'api.shop', ...spec },
});
export const upstream = (spec: object) => ({ apiVersion: 'fuseboard.dev/v1', kind: 'Upstream', metadata: { name: 'u' }, spec: { host: 'api.shop', ...spec } });

export function read(body: unknown): Document {
  const reading = readDocument(body);
  if ('problems' in reading) throw new Error(JSON.stringify(reading.problems));
  return reading.document;
}
export const readSetting = (body: unknown) => read(body) as TrafficSetting;
export const readUpstream = (body: unknown) => read(body) as UpstreamDocument;

export function problems(body: unknown): readonly string[] {
  const reading = readDocument(body);
  return 'problems' in reading ? reading.problems.map(({ path, message }) => `${path}: ${message}`) : [];
}

export function warnings(body: unknown): readonly string[] {
  const reading = readDocument(body);
  return 'warnings' in reading ? reading.warnings.map(({ path, message }) => `${path}: ${message}`) : ['refused'];
}
