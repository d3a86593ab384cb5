import { describe, expect, test } from 'vitest';
import type { Reading } from '../reading.ts';
import { formatFinder } from './formats.ts';
import { UpstreamNames } from './upstream-names.ts';

const AT = Date.UTC(2026, 8, 21, 14, 13, 20);

/** What the first line's format makes of the last line. */
function read(format: string, lines: string | readonly string[], known: readonly string[] = ['shop.local']): Reading {
  const all = [lines].flat();
  const found = formatFinder(format, new UpstreamNames(known))(all[0] ?? '');
  if (found === undefined) return 'no format';
  const bytes = Buffer.from(`x${all.at(-1)}x`);
  return found.reader(bytes, 1, bytes.length - 1);
}

function call(over: object): object {
  return { upstream: 'shop.local', atMs: AT, reporter: 'access-log', result: { kind: 'status', code: 200 }, count: 1, ...over };
}
const status = (code: number): object => ({ result: { kind: 'status', code } });
const failure = (name: string): object => ({ result: { kind: 'failure', failure: name } });

const COMBINED = '10.0.0.1 - - [21/Sep/2026:14:13:20 +0000] "GET /a?b=c HTTP/1.1" 503 612 "-" "curl/8.0 (x86; \\x22quoted\\x22)"';

describe('nginx', () => {
  test('combined: status and time, and no duration', () => {
    expect(read('auto', COMBINED)).toEqual(call(status(503)));
    expect(read('nginx', COMBINED)).toEqual(call(status(503)));
  });

  test('times are read in their zone', () => {
    expect(read('auto', COMBINED.replace('14:13:20 +0000', '16:43:20 +0230'))).toEqual(call(status(503)));
    expect(read('auto', COMBINED.replace('14:13:20 +0000', '07:13:20 -0700'))).toEqual(call(status(503)));
  });

  test('combined with times behind it: the upstream’s own comes before the whole', () => {
    expect(read('auto', `${COMBINED} 0.125`)).toEqual(call({ ...status(503), durationMs: 125 }));
    expect(read('auto', `${COMBINED} 0.125 0.100`)).toEqual(call({ ...status(503), durationMs: 100 }));
    expect(read('auto', `${COMBINED} 0.125 -`)).toEqual(call({ ...status(503), durationMs: 125 }));
    expect(read('auto', `${COMBINED} "1.2.3.4" 0.125 0.001, 0.100`)).toEqual(call({ ...status(503), durationMs: 100 }));
  });

  test('combined with something else behind it is read as far as it is known', () => {
    expect(read('auto', `${COMBINED} rt=0.125 something else`)).toEqual(call(status(503)));
  });

  test('ingress-nginx: its last try’s status; none where nobody was asked', () => {
    const line = (upstream: string): string => `${COMBINED.replace('" 503 ', '" 200 ')} 423 0.125 [default-shop-80] [] ${upstream} 7c1e`;
    expect(read('auto', line('10.2.0.1:80, 10.2.0.2:80 0, 612 0.020, 0.100 502, 200'))).toEqual(call({ ...status(200), durationMs: 100 }));
    expect(read('auto', [line('10.2.0.1:80 612 0.1 200'), line('- - - -')])).toBeUndefined();
  });

  test('499 is the caller’s doing, and no call that counts (O3)', () => {
    expect(read('auto', COMBINED.replace('" 503 ', '" 499 '))).toBeUndefined();
  });

  test('a template: its variables, lists with commas and colons in them, its host', () => {
    const template = '$msec|$upstream_status|$upstream_header_time|$request_time|${http_host}|$request';
    expect(read(template, '1790000000.123|502, 504 : 200|0.5, 0.7 : 0.010|1.300|Shop.local:8080|GET / HTTP/1.1')).toEqual(call({ atMs: 1_790_000_000_123, durationMs: 10 }));
    expect(read(template, '1790000000.123|-|-|1.300|shop.local|GET / HTTP/1.1')).toBeUndefined();
  });

  test('a template of JSON, quoted or not', () => {
    const line = '{"time":"2026-09-21T14:13:20+00:00","code":502,"took":0.250}';
    expect(read('{"time":"$time_iso8601","code":$status,"took":$request_time}', line)).toEqual(call({ ...status(502), durationMs: 250 }));
    expect(read('{"time":"$time_iso8601","code":"$status","took":"$request_time"}', line)).toEqual(call({ ...status(502), durationMs: 250 }));
    expect(read('auto', '{"time_iso8601":"2026-09-21T14:13:20+00:00","status":"502","request_time":"0.250","host":"shop.local"}')).toEqual(call({ ...status(502), durationMs: 250 }));
  });
});

const envoy = (code: string, { duration = '30', service = '20', authority = 'shop.local:8080' } = {}): string =>
  `[2026-09-21T14:13:20.123Z] "GET /a HTTP/1.1" ${code} 0 612 ${duration} ${service} "-" "curl/8.0" "7c1e-11" "${authority}" "10.2.0.1:8080"`;

describe('Envoy', () => {
  test('its own format: over when its duration had passed, as slow as the upstream was', () => {
    expect(read('auto', envoy('200 -'))).toEqual(call({ atMs: AT + 153, durationMs: 20 }));
    expect(read('envoy', envoy('200 -', { service: '-' }))).toEqual(call({ atMs: AT + 153, durationMs: 30 }));
  });

  test('the flags of what failed on the way are failures', () => {
    const timed = { atMs: AT + 153, durationMs: 20 };
    for (const [flag, name] of [['UF', 'refused'], ['UF,URX', 'refused'], ['UC', 'reset'], ['UT', 'timeout'], ['DF', 'dns'], ['UPE', 'bad-response']] as const) {
      expect([flag, read('auto', envoy(`503 ${flag}`))]).toEqual([flag, call({ ...timed, ...failure(name) })]);
    }
    expect(read('auto', envoy('503 URX'))).toEqual(call({ ...timed, ...status(503) }));
  });

  test('its own refusals, and callers that went away, are no calls (O3)', () => {
    for (const code of ['503 UO', '429 RL', '404 NR', '0 DC', '0 -']) expect([code, read('auto', envoy(code))]).toEqual([code, undefined]);
  });

  test('a line whose user agent holds quotes is refused, and no other upstream’s', () => {
    const hostile = envoy('503 -').replace('curl/8.0', 'x" "7c1e" "victim.local" "10.2.0.1:8080');
    expect(read('auto', [envoy('200 -'), hostile])).toBe('it is not of the format: more follows at its end');
  });

  test('Istio’s format, text and JSON', () => {
    const text = `[2026-09-21T14:13:20.123Z] "GET /a HTTP/1.1" 503 UF upstream_reset_before_response_started{connection_failure} - "delayed connect error" 0 91 30 - "-" "curl/8.0" "7c1e" "shop:8080" "10.2.0.1:8080" outbound|8080||shop.default.svc.cluster.local - 10.96.0.1:8080 10.0.0.5:34 - default`;
    const upstream = 'shop.default.svc.cluster.local';
    expect(read('auto', text, [upstream, 'other.default.svc.cluster.local'])).toEqual(call({ atMs: AT + 153, durationMs: 30, upstream, ...failure('refused') }));
    const json = { start_time: '2026-09-21T14:13:20.123Z', response_code: 200, response_flags: '-', duration: 30, upstream_service_time: '20', authority: 'nobody', upstream_cluster: 'outbound|8080||shop.default.svc.cluster.local' };
    expect(read('auto', JSON.stringify(json), [upstream, 'b.local'])).toEqual(call({ atMs: AT + 153, durationMs: 20, upstream }));
    expect(read('envoy-json', JSON.stringify({ ...json, response_code: 0 }))).toBeUndefined();
  });

  test('a template: commands with arguments, gRPC’s status before HTTP’s', () => {
    const template = '%START_TIME(%s.%3f)% %RESPONSE_CODE% %GRPC_STATUS_NUMBER% %RESPONSE_DURATION% %REQ(:AUTHORITY):20%';
    expect(read(template, '1790000000.123 200 14 12 shop.local')).toEqual(call({ atMs: 1_790_000_000_135, durationMs: 12, result: { kind: 'grpc', code: 14 } }));
    expect(read(template, '1790000000.123 200 - 12 shop.local')).toEqual(call({ atMs: 1_790_000_000_135, durationMs: 12 }));
    expect(read('{"t":"%START_TIME%","c":"%RESPONSE_CODE%","d":"%DURATION%"}', '{"t":"2026-09-21T14:13:20Z","c":504,"d":1500}')).toEqual(call({ atMs: AT + 1_500, durationMs: 1_500, ...status(504) }));
  });
});

describe('what can’t be read', () => {
  test('is told with a reason', () => {
    expect(read('auto', 'nonsense')).toBe('no format');
    expect(read('auto', [COMBINED, COMBINED.replace('Sep', 'Sap')])).toBe("its time can't be read");
    expect(read('auto', [COMBINED, COMBINED.replace('" 503 ', '" 5x3 ')])).toBe('a number in it is none');
    expect(read('auto', [COMBINED, COMBINED.replace('" 503 ', '" 042 ')])).toBe("its status can't be read; allowed: 100 to 599");
    expect(read('auto', [COMBINED, COMBINED.slice(0, 60)])).toBe('it is not of the format: nothing ends its $request');
    expect(read('auto', ['{"start_time":"x","response_code":"200"}', '[]'])).toBe('it is no JSON object');
  });

  test('a template without time or status, or whose variables can’t be told apart, is refused with what is allowed', () => {
    expect(() => read('$status $request', '')).toThrow('--format: no time is in it; allowed: $time_local');
    expect(() => read('$msec $request', '')).toThrow('--format: no status is in it; allowed: $status');
    expect(() => read('$msec$status', '')).toThrow("--format: nothing stands between $msec and $status, so they can't be told apart");
    expect(() => read('%START_TIME(%H:%M)% %RESPONSE_CODE%', '')).toThrow('--format: found %START_TIME(%H:%M)%, allowed: %START_TIME%, or with one of %s');
    expect(() => read('apache', '')).toThrow('--format: found "apache", allowed: auto, outcomes, envoy');
  });
});

test('an upstream is found by name, with and without port, and by a short name that only one can mean', () => {
  const names = new UpstreamNames(['a.local', 'b.local:8443', 'shop.default.svc.cluster.local', 'shop.other.svc.cluster.local', 'cart.x.svc.cluster.local']);
  expect(names.areTold).toBe(false);
  const found = (host: string, cluster = ''): string => names.of(host, cluster);
  expect(found('A.local:9000')).toBe('a.local');
  expect(found('b.local:8443')).toBe('b.local:8443');
  expect(found('b.local')).toBe('b.local');
  expect(found('cart')).toBe('cart.x.svc.cluster.local');
  expect(found('shop')).toBe('shop');
  expect(found('shop.other:80')).toBe('shop.other.svc.cluster.local');
  expect(found('', 'outbound|80|v2|shop.default.svc.cluster.local')).toBe('shop.default.svc.cluster.local');
  expect(found('', 'elsewhere')).toBe('elsewhere');
  expect(new UpstreamNames(['a.local', 'a.local']).of('', '')).toBe('a.local');
});
