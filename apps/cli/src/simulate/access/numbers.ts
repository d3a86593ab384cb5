/** Numbers and times out of the bytes of a line, without making texts of them. Each gives NaN for what it can't read. */

const [ZERO, NINE, DOT, COMMA, COLON, SPACE, PLUS, MINUS, LETTER_Z] = [48, 57, 46, 44, 58, 32, 43, 45, 90];

/** `17`, `0.005`; no sign, no exponent. */
export function decimal(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  let scale = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte >= ZERO && byte <= NINE) {
      value = value * 10 + (byte - ZERO);
      scale *= 10;
    } else if (byte === DOT && scale === 0 && at + 1 < end) scale = 1;
    else return Number.NaN;
  }
  if (start >= end) return Number.NaN;
  return scale === 0 ? value : value / scale;
}

/** nginx lists what each of several upstreams came to, `0.002, 0.010` or `502 : 200`: the last one is what the caller got. */
export function lastOfList(bytes: Uint8Array, start: number, end: number): number {
  for (let at = end - 1; at >= start; at--) {
    const byte = bytes[at];
    if (byte === SPACE || byte === COMMA) return at + 1;
  }
  return start;
}

/** Does the separator at `at` belong to such a list? */
export function isInList(bytes: Uint8Array, at: number): boolean {
  if (bytes[at] !== SPACE) return false;
  const before = bytes[at - 1];
  return before === COMMA || before === COLON || bytes[at + 1] === COLON;
}

/** `2026-09-21T14:13:20.123Z`, `2026-09-21T14:13:20+02:00`: ms since 1970. */
export function isoTime(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 20) return Number.NaN;
  const secondMs = Date.UTC(whole(bytes, start, 4), whole(bytes, start + 5, 2) - 1, whole(bytes, start + 8, 2), whole(bytes, start + 11, 2), whole(bytes, start + 14, 2), whole(bytes, start + 17, 2));
  let at = start + 19;
  let fraction = 0;
  if (bytes[at] === DOT) {
    const digits = ++at;
    while (at < end && isDigit(bytes[at])) at++;
    if (at === digits) return Number.NaN;
    fraction = Math.floor(whole(bytes, digits, at - digits) * 10 ** (3 - (at - digits)));
  }
  return secondMs + fraction - zone(bytes, at, end);
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'].map((name) => codeOf(Buffer.from(name), 0));

/** `21/Sep/2026:14:13:20 +0000`: ms since 1970. */
export function commonLogTime(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 26) return Number.NaN;
  const month = MONTHS.indexOf(codeOf(bytes, start + 3));
  if (month === -1) return Number.NaN;
  const secondMs = Date.UTC(whole(bytes, start + 7, 4), month, whole(bytes, start, 2), whole(bytes, start + 12, 2), whole(bytes, start + 15, 2), whole(bytes, start + 18, 2));
  return secondMs - zone(bytes, start + 21, end);
}

function codeOf(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
}

/** `Z`, `+0200`, `-07:00` up to the end: ms. */
function zone(bytes: Uint8Array, at: number, end: number): number {
  const sign = bytes[at];
  if (sign === LETTER_Z && at + 1 === end) return 0;
  if (sign !== PLUS && sign !== MINUS) return Number.NaN;
  const minutesAt = bytes[at + 3] === COLON ? at + 4 : at + 3;
  if (minutesAt + 2 !== end) return Number.NaN;
  const ms = (whole(bytes, at + 1, 2) * 60 + whole(bytes, minutesAt, 2)) * 60_000;
  return sign === MINUS ? -ms : ms;
}

function whole(bytes: Uint8Array, start: number, digits: number): number {
  let value = 0;
  for (let at = start; at < start + digits; at++) {
    const byte = bytes[at];
    if (!isDigit(byte)) return Number.NaN;
    value = value * 10 + (byte as number) - ZERO;
  }
  return value;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE;
}
