/** The proxy's own answers as HTTP/1.1 writes them; the parts that don't change are made once. */
import { STATUS_CODES } from 'node:http';
import type { OwnAnswer } from '../own-answer.ts';

export interface OwnTextOptions {
  readonly isToHead: boolean;
  /** The connection ends with it. */
  readonly closes: boolean;
  /** Wall clock, ms. */
  readonly nowMs: number;
}

const heads = new WeakMap<OwnAnswer, string>();
let dateSecond = -1;
let dateLine = '';

export function ownText(answer: OwnAnswer, { isToHead, closes, nowMs }: OwnTextOptions): string {
  const head = heads.get(answer) ?? makeHead(answer);
  const end = closes ? 'connection: close\r\n\r\n' : '\r\n';
  return head + dateOf(nowMs) + end + (isToHead ? '' : answer.body);
}

function makeHead(answer: OwnAnswer): string {
  const { statusCode, headers } = answer;
  let text = `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode] ?? 'Unknown'}\r\n`;
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
  heads.set(answer, text);
  return text;
}

/** RFC 9110 6.6.1: who answers by itself says when. */
function dateOf(nowMs: number): string {
  const second = Math.floor(nowMs / 1_000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateLine = `date: ${new Date(second * 1_000).toUTCString()}\r\n`;
  }
  return dateLine;
}
