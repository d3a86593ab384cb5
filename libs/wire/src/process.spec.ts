import { loadSync } from '@grpc/proto-loader';
import { describe, expect, it } from 'vitest';
import type { Heartbeat } from '#engine';
import { decodeHeartbeat, encodeHeartbeat, heartbeatOfMessage, processMessage, type ProcessMessage } from './process.ts';
import { PROTO_FILES, protoDir } from './proto.ts';

interface Beat {
  readonly requestSerialize: (message: object) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => { readonly process: ProcessMessage };
}

const { Beat } = loadSync(PROTO_FILES[3], { keepCase: true, longs: Number, enums: String, oneofs: true, defaults: true, includeDirs: [protoDir()] })['fuseboard.v1.FleetService'] as unknown as { Beat: Beat };

const HEARTBEAT: Heartbeat = {
  instance: 'all-in-one',
  host: 'host-1',
  version: '1.2.3',
  engine: 4,
  startedMs: 1_790_000_000_123,
  missing: ['routes: none'],
  ingest: { group: 'ingest', partitions: [{ partition: 0, next: 9_007_199_254_740_991 }], commits: { OK: 3 } },
  proxy: { stateAgeMs: 3, judgedAlone: 0, calls: { upstream: 2 }, refused: [{ upstream: 'a.test', calls: 1 }], waiting: 0 },
  console: { watchers: 0, readers: 1, followers: 0 },
};
const { ingest: _ingest, console: _console, ...PROXY } = HEARTBEAT;
const { stateAgeMs: _age, ...UNKNOWN } = PROXY.proxy as NonNullable<Heartbeat['proxy']>;

describe('a heartbeat', () => {
  it.each([HEARTBEAT, PROXY, { ...PROXY, proxy: UNKNOWN }])('comes back whole, as JSON and by the wire (%#)', (heartbeat) => {
    expect(decodeHeartbeat(encodeHeartbeat(heartbeat))).toEqual(heartbeat);
    const { process } = Beat.requestDeserialize(Beat.requestSerialize({ process: processMessage(heartbeat) }));
    expect(heartbeatOfMessage(process)).toEqual(heartbeat);
  });

  it.each([
    ['instance', '<script>', 'instance is "<script>"; allowed: 1 to 128 of the letters'],
    ['instance', 'a'.repeat(129), 'instance is'],
    ['started_at', '', 'started_at is ""; allowed: a time'],
    ['missing', 'x', 'missing is "x"; allowed: a list'],
    ['proxy', { judged_alone: 0, calls: { '<b>': 1 }, refused: [], waiting: 0 }, 'proxy.calls.<b> is 1; allowed: names of letters and -'],
    ['proxy', { judged_alone: -1, calls: {}, refused: [], waiting: 0 }, 'proxy.judged_alone is -1; allowed: a whole number from 0'],
    ['ingest', { group: 'other', partitions: [], commits: {} }, 'ingest.group is "other"; allowed: ingest, standby'],
  ])('with %s %j is refused', (field, value, message) => {
    const json = { ...(JSON.parse(Buffer.from(encodeHeartbeat(PROXY)).toString()) as object), [field]: value };
    expect(() => decodeHeartbeat(Buffer.from(JSON.stringify(json)))).toThrow(message);
  });

  it('without any role is refused', () => {
    const { proxy: _proxy, ...none } = PROXY;
    expect(() => decodeHeartbeat(encodeHeartbeat(none))).toThrow('it has no role');
  });

  it('is cut where it is longer than it may be', () => {
    const long = { ...PROXY, host: 'h'.repeat(1_000), missing: Array.from({ length: 50 }, () => 'm'), proxy: { ...UNKNOWN, refused: Array.from({ length: 100 }, () => ({ upstream: 'u', calls: 1 })) } };
    const { host, missing, proxy } = decodeHeartbeat(encodeHeartbeat(long));
    expect([host.length, missing.length, proxy?.refused.length]).toEqual([254, 5, 20]);
  });

  it('that is no JSON, or far too long, is refused', () => {
    expect(() => decodeHeartbeat(Buffer.from('{'))).toThrow('not JSON');
    expect(() => decodeHeartbeat(Buffer.alloc(200_000, 32))).toThrow('at most 131072');
  });
});
