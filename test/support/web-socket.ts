/** WebSocket (RFC 6455) for tests: the client is undici's, the upstream speaks as much of it as echoing takes. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Agent, WebSocket } from 'undici';
import { startRawUpstream, type Cleanup, type Upstream } from './data-plane.ts';
import { Peer } from './peer.ts';

/** A request that wants WebSocket, to `api.test`; the key is RFC 6455 1.3's. */
export const UPGRADE_REQUEST =
  'GET /chat HTTP/1.1\r\nHost: api.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

/** RFC 6455 4.2.2; the one to UPGRADE_REQUEST unless another key is given. */
export function agreement(key = 'dGhlIHNhbXBsZSBub25jZQ=='): string {
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
}

export interface HeadReader extends Upstream {
  /** Of each connection, in the order of accepting; `text` begins behind the first head. */
  readonly peers: readonly Peer[];
  /** The first head of each connection, in the order in which they came. */
  readonly heads: readonly string[];
}

/** An upstream that reads a head on each connection and then does this; bytes that come later are the peer's `text`. */
export async function startHeadReader(cleanup: Cleanup, behave: (peer: Peer, head: string) => void): Promise<HeadReader> {
  const peers: Peer[] = [];
  const heads: string[] = [];
  const upstream = await startRawUpstream(cleanup, (socket) => {
    const peer = new Peer(socket);
    peers.push(peer);
    const look = (): void => {
      const end = peer.text.indexOf('\r\n\r\n') + 4;
      if (end < 4) return;
      socket.off('data', look);
      const head = peer.text.slice(0, end);
      peer.text = peer.text.slice(end);
      heads.push(head);
      behave(peer, head);
    };
    socket.on('data', look);
  });
  return { ...upstream, peers, heads };
}

/** Agrees to everybody, and says each message back. */
export async function startEchoingUpstream(cleanup: Cleanup): Promise<HeadReader> {
  return startHeadReader(cleanup, ({ socket }, head) => {
    const key = /^sec-websocket-key: *(\S+)/im.exec(head)?.[1];
    socket.write(agreement(key));
    echoFrames(socket);
  });
}

/** A WebSocket that is open, through the proxy on this port, to `api.test`. */
export async function openWebSocket(cleanup: Cleanup, port: number): Promise<WebSocket> {
  const dispatcher = new Agent({
    connect: (_, connected) => {
      const socket = connect({ host: '127.0.0.1', port });
      socket.once('connect', () => connected(null, socket)).once('error', (error) => connected(error, null));
    },
  });
  cleanup.add(async () => dispatcher.destroy());
  const webSocket = new WebSocket('ws://api.test/chat', { dispatcher });
  webSocket.binaryType = 'arraybuffer';
  const failed = once(webSocket, 'error').then(([event]: { error?: Error }[]) => {
    throw event?.error ?? new Error('the WebSocket failed');
  });
  await Promise.race([once(webSocket, 'open'), failed]);
  failed.catch(() => undefined);
  return webSocket;
}

const CLOSE = 0x8;

/** Each frame goes back as it came, but for its mask (RFC 6455 5.2); a close ends the connection. */
function echoFrames(socket: Socket): void {
  let unread = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk]);
    for (;;) {
      const frame = readFrame(unread);
      if (frame === undefined) return;
      unread = unread.subarray(frame.bytes);
      socket.write(Buffer.concat([frame.head, frame.payload]));
      if (frame.opcode === CLOSE) socket.end();
    }
  });
}

/** The first frame, as a server sends it on; undefined: it isn't whole yet. Frames of clients are always masked. */
function readFrame(from: Buffer): { bytes: number; opcode: number; head: Buffer; payload: Buffer } | undefined {
  if (from.length < 2) return undefined;
  const short = from.readUInt8(1) & 0x7f;
  const maskAt = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (from.length < maskAt + 4) return undefined;
  const length = short === 127 ? Number(from.readBigUInt64BE(2)) : short === 126 ? from.readUInt16BE(2) : short;
  const bytes = maskAt + 4 + length;
  if (from.length < bytes) return undefined;
  const head = Buffer.from(from.subarray(0, maskAt));
  head.writeUInt8(short, 1);
  const payload = Buffer.from(from.subarray(maskAt + 4, bytes)).map((byte, i) => byte ^ from.readUInt8(maskAt + (i & 3)));
  return { bytes, opcode: from.readUInt8(0) & 0xf, head, payload: Buffer.from(payload) };
}
