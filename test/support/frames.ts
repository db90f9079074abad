import { randomBytes } from 'node:crypto';
import { type RawAnswer, RawConnection, requestHead } from './raw.ts';

/** What may stand in a frame's head, right or wrong. */
export interface FrameOptions {
  opcode: number;
  payload?: string | Uint8Array;
  fin?: boolean;
  /** The three reserved bits, 0 to 7. */
  reserved?: number;
  masked?: boolean;
  /** In place of the payload's own length. */
  length?: number | bigint;
  /** Writes the length in more bytes than it needs. */
  wide?: 2 | 8;
}

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** One frame (RFC 6455 section 5.2), byte by byte. */
export function frame({ opcode, payload = '', fin = true, reserved = 0, masked = true, length, wide }: FrameOptions) {
  const body = Buffer.from(payload);
  const stated = BigInt(length ?? body.length);
  const head = [(fin ? 0x80 : 0) | (reserved << 4) | opcode];
  const mask = masked ? 0x80 : 0;
  const lengthBytes = Buffer.alloc(8);
  lengthBytes.writeBigUInt64BE(stated);
  if (wide === 8 || stated > 0xffffn) head.push(mask | 127, ...lengthBytes);
  else if (wide === 2 || stated > 125n) head.push(mask | 126, ...lengthBytes.subarray(6));
  else head.push(mask | Number(stated));
  if (!masked) return Buffer.concat([Buffer.from(head), body]);
  const key = randomBytes(4);
  return Buffer.concat([Buffer.from(head), key, body.map((byte, i) => byte ^ key[i % 4]!)]);
}

/** The payload of a close frame. */
export function closing(code: number, reason: string | Uint8Array = ''): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(code);
  return Buffer.concat([bytes, Buffer.from(reason)]);
}

export interface Frame {
  fin: boolean;
  opcode: number;
  payload: Buffer;
}

/** The whole frames among the bytes that a server sent. Throws where a server breaks the protocol. */
export function framesIn(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const first = bytes[at]!;
    const short = bytes[at + 1]!;
    if (short & 0x80) throw new Error('a server may not mask');
    if (first & 0x70) throw new Error('a reserved bit is set');
    const wide = short === 126 ? 2 : short === 127 ? 8 : 0;
    if (at + 2 + wide > bytes.length) break;
    const length = wide === 2 ? bytes.readUInt16BE(at + 2) : wide === 8 ? Number(bytes.readBigUInt64BE(at + 2)) : short;
    const start = at + 2 + wide;
    if (start + length > bytes.length) break;
    frames.push({ fin: (first & 0x80) !== 0, opcode: first & 15, payload: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return frames;
}

/** The head of a handshake, with the headers of RFC 6455 unless they are among the given ones. */
export function handshake(path: string, ...headers: string[]): string {
  const usual = ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13'];
  const own = [...usual, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='];
  const has = (line: string) =>
    headers.some((header) => header.toLowerCase().startsWith(`${line.split(':')[0]!.toLowerCase()}:`));
  return requestHead(`GET ${path}`, ...own.filter((line) => !has(line)), ...headers);
}

/** Asks for a socket and reads the answer, which is 101 where it opened. */
export async function knock(
  url: string,
  path: string,
  ...headers: string[]
): Promise<{ connection: RawConnection; answer: RawAnswer }> {
  const connection = await RawConnection.open(url);
  await connection.write(handshake(path, ...headers));
  return { connection, answer: await connection.answerOrSwitch() };
}
