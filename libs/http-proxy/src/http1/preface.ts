/** How a client says that it speaks HTTP/2 (RFC 9113 3.4). No method of HTTP/1 looks like it. */
const PREFACE = 'PRI * HTTP/2.0\r\n';

/** @param first what a client has sent so far, from its first byte. maybe: more of it has to be seen. */
export function isPreface(first: Buffer): 'yes' | 'no' | 'maybe' {
  if (first[0] !== PREFACE.charCodeAt(0)) return 'no';
  const text = first.toString('latin1', 0, PREFACE.length);
  if (text === PREFACE) return 'yes';
  return PREFACE.startsWith(text) ? 'maybe' : 'no';
}
