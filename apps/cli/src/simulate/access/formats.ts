/** Which format a file has: by name, by template, or by its first line. */
import { Failure } from '../../failure.ts';
import { readOutcomeLine } from '../outcome-lines.ts';
import type { LineReader } from '../reading.ts';
import { jsonReader, keysOfTemplate, usualKeys } from './json-log.ts';
import { PLACEHOLDER } from './placeholders.ts';
import { namesUpstream, parseTemplate, templateReader } from './template.ts';
import type { UpstreamNames } from './upstream-names.ts';

const COMBINED = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"';
const ENVOY_HEAD = '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS%';
const ENVOY_TAIL = '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"';
const ISTIO_TAIL = `%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" ${ENVOY_TAIL} %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%`;

/** By name; of each, what is tried in this order. */
const TEXTS: Readonly<Record<'envoy' | 'nginx', readonly string[]>> = {
  envoy: [`${ENVOY_HEAD} ${ENVOY_TAIL}`, `${ENVOY_HEAD} ${ISTIO_TAIL}`],
  nginx: [
    COMBINED,
    `${COMBINED} $request_time`,
    `${COMBINED} $request_time $upstream_response_time`,
    `${COMBINED} "$http_x_forwarded_for"`,
    `${COMBINED} "$http_x_forwarded_for" $request_time`,
    `${COMBINED} "$http_x_forwarded_for" $request_time $upstream_response_time`,
    // As ingress-nginx writes it.
    `${COMBINED} $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id`,
  ],
};

export const FORMATS = ['auto', 'outcomes', 'envoy', 'envoy-json', 'nginx'] as const;
export const FORMAT_ALLOWED = `${FORMATS.join(', ')}, or a template in nginx's words ($status) or Envoy's (%RESPONSE_CODE%)`;

export interface FoundFormat {
  /** For people. */
  readonly name: string;
  readonly reader: LineReader;
  readonly namesUpstream: boolean;
}

/** Gives the format of a file whose first line this is; undefined: it is of none. */
export type FormatFinder = (line: string) => FoundFormat | undefined;

/** @param format one of FORMATS or a template @throws {Failure} */
export function formatFinder(format: string, names: UpstreamNames): FormatFinder {
  switch (format) {
    case 'auto':
      return (line) => found(line, names);
    case 'outcomes':
      return () => outcomes();
    case 'envoy':
    case 'nginx':
      return (line) => textFormat(line, format, names);
    case 'envoy-json':
      return (line) => jsonFormat(line, names);
    default:
      return templateFinder(format, names);
  }
}

function templateFinder(text: string, names: UpstreamNames): FormatFinder {
  if (text.match(PLACEHOLDER) === null) throw new Failure(`--format: found "${text}", allowed: ${FORMAT_ALLOWED}`, 2);
  const keys = keysOfTemplate(text);
  if (keys !== undefined) {
    const format = { name: 'JSON by its template', reader: jsonReader(keys, names.of), namesUpstream: keys.some(([, field]) => field === 'host' || field === 'cluster') };
    return () => format;
  }
  const template = parseTemplate(text);
  const format = { name: 'text by its template', reader: templateReader(template, names.of), namesUpstream: namesUpstream(template) };
  return () => format;
}

function found(line: string, names: UpstreamNames): FoundFormat | undefined {
  if (!line.startsWith('{')) return textFormat(line, 'envoy', names) ?? textFormat(line, 'nginx', names);
  const keys = jsonFormat(line, names);
  return keys ?? outcomes();
}

function outcomes(): FoundFormat {
  return { name: 'outcomes', reader: readOutcomeLine, namesUpstream: true };
}

function jsonFormat(line: string, names: UpstreamNames): FoundFormat | undefined {
  // `v` and `at` are an outcome's; its `status` is called as nginx calls one.
  const keys = /"v"\s*:\s*1[,}\s]/.test(line) && /"at"\s*:/.test(line) ? undefined : usualKeys(line);
  return keys && { name: 'JSON', reader: jsonReader(keys, names.of), namesUpstream: keys.some(([, field]) => field === 'host' || field === 'cluster') };
}

/** Of what is tried the first that the line fits; of nginx's also with more behind it, since many add something of their own. */
function textFormat(line: string, name: 'envoy' | 'nginx', names: UpstreamNames): FoundFormat | undefined {
  const bytes = Buffer.from(line);
  const tried = [...TEXTS[name].map((text) => parseTemplate(text)), ...(name === 'nginx' ? [parseTemplate(COMBINED, true)] : [])];
  const template = tried.find((each) => typeof templateReader(each, names.of)(bytes, 0, bytes.length) !== 'string');
  return template && { name: `${name} access log`, reader: templateReader(template, names.of), namesUpstream: namesUpstream(template) };
}
