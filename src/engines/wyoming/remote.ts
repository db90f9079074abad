import type { Socket } from 'node:net';
import { abortError, SpeechError } from '../../errors.ts';
import { type ConnectOptions, connectTo } from './connect.ts';
import { AUTHENTICATE, encodeEvent, FrameReader, type WyomingEvent } from './framing.ts';

export interface RemoteOptions extends ConnectOptions {
  /** API key, for a server that asks for one. */
  key?: string | undefined;
}

/** Of a server that the operator trusts with the work, but not with this machine's memory. */
const BOUNDS = { headerBytes: 64 * 1024, dataBytes: 1024 * 1024, payloadBytes: 4 * 1024 * 1024 };
/** Longest silence of a server that owes an answer; the call has a time limit of its own besides. */
const SILENT_MS = 120_000;

/** A connection to a Wyoming server for one piece of work. */
export class Remote {
  readonly #socket: Socket;
  readonly #signal: AbortSignal;
  readonly #events: AsyncGenerator<WyomingEvent>;
  #failure: Error | undefined;

  private constructor(socket: Socket, signal: AbortSignal) {
    this.#socket = socket;
    this.#signal = signal;
    this.#events = this.#read();
    socket.on('error', (error) => {
      this.#failure = error;
    });
    socket.setTimeout(SILENT_MS, () => socket.destroy(new Error(`it was silent for ${SILENT_MS / 1000} seconds`)));
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Throws SpeechError `upstream_failed`, or the signal's reason. */
  static async open({ key, ...server }: RemoteOptions, signal: AbortSignal): Promise<Remote> {
    let socket: Socket;
    try {
      socket = await connectTo(server, signal);
    } catch (error) {
      throw error instanceof SpeechError ? error : failed(error);
    }
    if (key !== undefined) socket.write(encodeEvent(AUTHENTICATE, { token: key }));
    return new Remote(socket, signal);
  }

  /** Resolves when the server has read most of what it was sent, and also when it is gone: `next` tells of that. */
  async send(type: string, data: object = {}, payload?: Uint8Array): Promise<void> {
    if (this.#socket.destroyed || this.#socket.write(encodeEvent(type, data, payload))) return;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        this.#socket.off('drain', go).off('close', go);
        resolve();
      };
      this.#socket.on('drain', go).on('close', go);
    });
  }

  /** The next event. Throws SpeechError `upstream_failed` for an error event, garbage and the end of the connection. */
  async next(): Promise<WyomingEvent> {
    const { value } = await this.#events.next();
    if (this.#signal.aborted) throw abortError(this.#signal);
    if (value === undefined) throw failed(this.#failure ?? new Error('it hung up without an answer'));
    if (value.type === 'error') throw failed(new Error(`it said: ${String(value.data.text).slice(0, 500)}`));
    return value;
  }

  close(): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#socket.destroy();
  }

  #onAbort = (): void => {
    this.#socket.destroy();
  };

  async *#read(): AsyncGenerator<WyomingEvent> {
    const reader = new FrameReader(BOUNDS);
    try {
      for await (const bytes of this.#socket as AsyncIterable<Buffer>) yield* reader.read(bytes);
    } catch (error) {
      this.#failure = error as Error;
    }
  }
}

function failed(cause: unknown): SpeechError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new SpeechError('upstream_failed', "The model's Wyoming server failed to answer.", { cause, detail });
}
