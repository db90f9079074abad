import { SpeechError } from '../../errors.ts';

/** One message of the Wyoming protocol, in either direction. */
export interface WyomingEvent {
  type: string;
  data: Readonly<Record<string, unknown>>;
  payload: Buffer;
}

/** The event of our own that brings an API key, as `token`, to a server that asks for one. */
export const AUTHENTICATE = 'authenticate';

/** The most that one event may have of each of its three parts, in bytes. */
export interface FrameBounds {
  headerBytes: number;
  dataBytes: number;
  payloadBytes: number;
}

interface Header {
  type: string;
  inline: object;
  dataBytes: number;
  payloadBytes: number;
  /** What stood behind the line, once it has been read. */
  data?: object;
}

const NOTHING = Buffer.alloc(0);
const LINE_FEED = 0x0a;

/**
 * Takes events out of a stream of bytes that may be cut anywhere. An event is a line of JSON, then `data_length` bytes
 * of JSON that are merged over the line's own `data`, then `payload_length` bytes as they are. Memory grows with what
 * has arrived, not with what a header announces.
 */
export class FrameReader {
  #bounds: FrameBounds;
  readonly #part = new Part();
  /** The event whose header was read. */
  #open: Header | undefined;

  constructor(bounds: FrameBounds) {
    this.#bounds = bounds;
  }

  /** From the next event on. */
  setBounds(bounds: FrameBounds): void {
    this.#bounds = bounds;
  }

  /**
   * The events that these bytes complete; read them all before the next call. Throws SpeechError `too_large`,
   * `invalid_json` or `invalid_request`, and then nothing behind it can be read: the stream has lost its beat.
   */
  *read(bytes: Buffer): Generator<WyomingEvent> {
    let rest = bytes;
    for (;;) {
      if (this.#open === undefined) {
        const end = rest.indexOf(LINE_FEED);
        const line = end === -1 ? rest : rest.subarray(0, end);
        if (this.#part.length + line.length > this.#bounds.headerBytes) {
          throw new SpeechError('too_large', `A header has at most ${this.#bounds.headerBytes} bytes.`);
        }
        this.#part.append(line);
        if (end === -1) return;
        rest = rest.subarray(end + 1);
        this.#open = this.#header(this.#part.take());
      }
      const { type, inline, dataBytes, payloadBytes } = this.#open;
      if (this.#open.data === undefined) {
        rest = this.#part.fill(rest, dataBytes);
        if (this.#part.length < dataBytes) return;
        this.#open.data = dataBytes === 0 ? {} : objectIn(this.#part.take(), 'The data of an event');
      }
      rest = this.#part.fill(rest, payloadBytes);
      if (this.#part.length < payloadBytes) return;
      const event = { type, data: { ...inline, ...this.#open.data }, payload: this.#part.take() };
      this.#open = undefined;
      yield event;
    }
  }

  #header(line: Buffer): Header {
    const header = objectIn(line, 'The header of an event') as Record<string, unknown>;
    const { type, data } = header;
    if (typeof type !== 'string' || type === '') {
      throw new SpeechError('invalid_request', 'The header of an event needs its type.', { param: 'type' });
    }
    if (data !== undefined && data !== null && (typeof data !== 'object' || Array.isArray(data))) {
      throw new SpeechError('invalid_request', 'The data of an event must be an object.', { param: 'data' });
    }
    const dataBytes = lengthOf(header, 'data_length', this.#bounds.dataBytes);
    const payloadBytes = lengthOf(header, 'payload_length', this.#bounds.payloadBytes);
    return { type, inline: data ?? {}, dataBytes, payloadBytes };
  }
}

/** The bytes of an event. The line stays short, because Python's readers give up on one of 64 KiB. */
export function encodeEvent(type: string, data: object = {}, payload: Uint8Array = NOTHING): Buffer {
  const body = Object.keys(data).length === 0 ? NOTHING : Buffer.from(JSON.stringify(data));
  const header = {
    type,
    ...(body.length === 0 ? {} : { data_length: body.length }),
    ...(payload.length === 0 ? {} : { payload_length: payload.length }),
  };
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), body, payload]);
}

/** Bytes that arrive piece by piece, in one buffer: a piece of one byte costs one byte. */
class Part {
  #bytes = NOTHING;
  length = 0;

  append(bytes: Buffer): void {
    const needed = this.length + bytes.length;
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2, 256));
      this.#bytes.copy(grown, 0, 0, this.length);
      this.#bytes = grown;
    }
    bytes.copy(this.#bytes, this.length);
    this.length = needed;
  }

  /** Appends what is missing to `total`. Returns what is left of the bytes. */
  fill(bytes: Buffer, total: number): Buffer {
    const missing = bytes.subarray(0, total - this.length);
    if (missing.length > 0) this.append(missing);
    return bytes.subarray(missing.length);
  }

  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.length);
    this.#bytes = NOTHING;
    this.length = 0;
    return taken;
  }
}

function lengthOf(header: Record<string, unknown>, name: string, most: number): number {
  const length = header[name] ?? 0;
  if (!Number.isSafeInteger(length) || (length as number) < 0) {
    throw new SpeechError('invalid_request', `${name} must be a whole number of bytes.`, { param: name });
  }
  if ((length as number) > most) {
    throw new SpeechError('too_large', `${name} is at most ${most} bytes here.`, { param: name });
  }
  return length as number;
}

function objectIn(bytes: Buffer, what: string): object {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch {
    throw new SpeechError('invalid_json', `${what} must be JSON.`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SpeechError('invalid_request', `${what} must be an object.`);
  }
  return value;
}
