/** The proxy's own answers as HTTP/1.1 writes them; the parts that don't change are made once. */
import type { OwnAnswer } from '../own-answer.ts';

/** An import would ask for all that it has, and load Node's WebSocket and fetch with it: 10 MB and more. */
const { STATUS_CODES } = process.getBuiltinModule('node:http');

export interface OwnTextOptions {
  readonly isToHead: boolean;
  /** The connection ends with it. */
  readonly closes: boolean;
  /** Wall clock, ms. */
  readonly nowMs: number;
}

/** The whole of an answer to a client that keeps its connection, as it is written in one second. */
interface Usual {
  readonly second: number;
  readonly text: string;
}

const usuals = new WeakMap<OwnAnswer, Usual>();

export function ownText(answer: OwnAnswer, { isToHead, closes, nowMs }: OwnTextOptions): string {
  const second = Math.floor(nowMs / 1_000);
  if (isToHead || closes) return headOf(answer, second) + (closes ? 'connection: close\r\n\r\n' : '\r\n') + (isToHead ? '' : answer.body);
  const known = usuals.get(answer);
  if (known !== undefined && known.second === second) return known.text;
  const text = flat(`${headOf(answer, second)}\r\n${answer.body}`);
  usuals.set(answer, { second, text });
  return text;
}

/** In one piece: text that was put together is gathered anew by each write. */
function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

/** RFC 9110 6.6.1: who answers by itself says when. */
function headOf({ statusCode, headers }: OwnAnswer, second: number): string {
  let text = `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode] ?? 'Unknown'}\r\n`;
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return `${text}date: ${new Date(second * 1_000).toUTCString()}\r\n`;
}
