/** What the HTTP controllers have in common: queries as they come in, refusals as statuses. */
import { HttpException } from '@nestjs/common';
import { PAGE_SIZE_ALLOWED, invalid, isRefusal, type PageRequest, type Refusal } from './breaker-queries.ts';

const STATUS: Readonly<Record<Refusal['refused'], number>> = { invalid: 400, 'not-found': 404, unavailable: 503, conflict: 409, precondition: 412 };

/** As Express gives it; a parameter that is given twice is a list. */
export type RawQuery = Readonly<Record<string, unknown>>;

export function pageOf(query: RawQuery): PageRequest {
  const size = word(query, 'page_size');
  if (!/^\d{0,9}$/.test(size)) throw asHttp(invalid('page_size', JSON.stringify(size), PAGE_SIZE_ALLOWED));
  return { pageSize: Number(size), pageToken: word(query, 'page_token') };
}

export function word(query: RawQuery, name: string): string {
  const value = query[name] ?? '';
  if (typeof value === 'string') return value;
  throw asHttp(invalid(name, 'it more than once', 'one value'));
}

/** Of a record, as a path has it. @throws {HttpException} */
export function offsetOf(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw asHttp(invalid('offset', JSON.stringify(text.slice(0, 40)), 'a whole number'));
}

/** @throws {HttpException} */
export function answered<T extends object>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw asHttp(answer);
  return answer;
}

export function asHttp({ refused, message }: Refusal): HttpException {
  return new HttpException(message, STATUS[refused]);
}
