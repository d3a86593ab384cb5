/** HTTP/2 bytes by hand, for what no client would send. */
import { connect, type Socket } from 'node:net';
import type { Cleanup } from './data-plane.ts';
import { eventually } from './eventually.ts';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

export const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7, continuation: 9 } as const;
const EMPTY = Buffer.alloc(0);
const END_STREAM = 1;
const END_HEADERS = 4;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export function frame(type: number, flags: number, { streamId = 0, payload = EMPTY }: { streamId?: number; payload?: Buffer } = {}): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** Literal header fields, never indexed anywhere (RFC 7541 6.2.2); texts below 127 bytes. */
function hpack(headers: readonly string[]): Buffer {
  const pieces: Buffer[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    pieces.push(Buffer.from([0]));
    for (const text of [headers[i] as string, headers[i + 1] as string]) pieces.push(Buffer.from([text.length]), Buffer.from(text, 'latin1'));
  }
  return Buffer.concat(pieces);
}

export function headersFrame(streamId: number, headers: readonly string[], endStream = true): Buffer {
  return frame(FRAME.headers, END_HEADERS | (endStream ? END_STREAM : 0), { streamId, payload: hpack(headers) });
}

export function resetFrame(streamId: number, code = 8): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(code);
  return frame(FRAME.reset, 0, { streamId, payload });
}

export const GET = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'api.test'];

/** A client that has sent its preface and empty SETTINGS. */
export class FrameClient {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  isClosed = false;
  #rest: Buffer = Buffer.alloc(0);

  constructor(cleanup: Cleanup, port: number) {
    this.socket = connect({ host: '127.0.0.1', port });
    this.socket
      .on('data', (chunk: Buffer) => this.#onData(chunk))
      .on('error', () => undefined)
      .on('close', () => (this.isClosed = true));
    this.socket.write(Buffer.concat([Buffer.from(PREFACE), frame(FRAME.settings, 0)]));
    cleanup.add(() => this.socket.destroy());
  }

  send(...frames: readonly Buffer[]): this {
    this.socket.write(Buffer.concat(frames));
    return this;
  }

  async until(type: number, streamId = 0): Promise<Frame> {
    const what = `a frame of type ${type} on ${streamId}`;
    return eventually(() => this.frames.find((each) => each.type === type && each.streamId === streamId), { what, everyMs: 5 });
  }

  async untilClosed(): Promise<void> {
    await eventually(() => this.isClosed || undefined, { what: 'the end of the connection', everyMs: 5 });
  }

  #onData(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 9) {
      const length = this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < 9 + length) return;
      const payload = Buffer.from(this.#rest.subarray(9, 9 + length));
      this.frames.push({ type: this.#rest.readUInt8(3), flags: this.#rest.readUInt8(4), streamId: this.#rest.readUInt32BE(5), payload });
      this.#rest = this.#rest.subarray(9 + length);
    }
  }
}
