import type { Api } from '../api/client.ts';
import { asApiError } from '../api/errors.ts';
import { AudioClock } from './audioClock.ts';
import { type Closing, closingOf } from './closing.ts';
import { type Microphone, MicrophoneError, type MicrophoneOptions, openMicrophone } from './microphone.ts';

export interface CallOptions {
  api: Api;
  /** Where the server asks for a key, a socket needs a ticket. */
  needsTicket: boolean;
  microphone: MicrophoneOptions;
  path: 'v1/audio/stream' | 'v1/realtime';
  /** Parameters of the URL, once the rate of the microphone is known. */
  query(sampleRate: number): Record<string, string>;
  protocols: string[];
  handlers: CallHandlers;
}

export interface CallHandlers {
  /** The microphone was given: what happens next takes only the server's time. */
  onMicrophone(microphone: Microphone): Promise<void> | void;
  onOpen(): void;
  /** 20 ms of sound, when the line is open. What was said while it opened comes first. */
  onFrame(frame: Float32Array<ArrayBuffer>): void;
  /** Each frame as it is heard, for a meter. */
  onSound(frame: Float32Array<ArrayBuffer>): void;
  onEvent(event: Record<string, unknown>): void;
  /** The microphone went by itself: nothing more is heard. */
  onLost(why: Closing): void;
  /** It is over. Null where this side hung up. */
  onEnd(why: Closing | null): void;
}

/** Frames of 20 ms that wait for the line to open: 10 s. */
const MAX_EARLY_FRAMES = 500;
/** What may wait to be sent. The server holds a fast client back; a network this slow is none for live speech. */
const MAX_UNSENT_BYTES = 2 * 1024 * 1024;
/** How long the server may take to say its last words. */
const LAST_WORDS_MS = 10_000;

/** A microphone and a socket for as long as one conversation: the device is given back however it ends. */
export class LiveCall {
  /** When each moment of what was heard took place. */
  readonly clock = new AudioClock();
  readonly #options: CallOptions;
  readonly #abort = new AbortController();
  #microphone: Microphone | null = null;
  #socket: WebSocket | null = null;
  #early: Float32Array<ArrayBuffer>[] | null = [];
  #heardSamples = 0;
  #opened = false;
  #over = false;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(options: CallOptions) {
    this.#options = options;
    void this.#open();
  }

  get heardMs(): number {
    return this.#microphone === null ? 0 : (this.#heardSamples / this.#microphone.sampleRate) * 1000;
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    if (this.#socket.bufferedAmount > MAX_UNSENT_BYTES) {
      this.#end({ title: 'The network is too slow', text: 'What was said could not be sent as fast as it was said.' });
      return;
    }
    this.#socket.send(data);
  }

  /** Gives the microphone back at once, and waits a while for the server to close the line behind its last words. */
  finish(): void {
    this.#silence();
    if (!this.#opened) this.hangUp();
    else this.#timer ??= setTimeout(() => this.hangUp(), LAST_WORDS_MS);
  }

  /** Ends it at once. */
  hangUp(why: Closing | null = null): void {
    this.#end(why);
  }

  async #open(): Promise<void> {
    const { api, needsTicket, microphone, path, query, protocols, handlers } = this.#options;
    try {
      const opened = await openMicrophone(
        microphone,
        {
          onFrame: (frame) => this.#hear(frame),
          onLost: () =>
            handlers.onLost({
              title: 'The microphone is gone',
              text: 'It was unplugged, or the browser took it back.',
            }),
        },
        this.#abort.signal,
      );
      this.#microphone = opened;
      await handlers.onMicrophone(opened);
      const ticket = needsTicket ? await api.socketTicket(`/${path}`, this.#abort.signal) : null;
      if (this.#over) return;
      const url = new URL(path, document.baseURI);
      url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
      url.search = String(new URLSearchParams({ ...query(opened.sampleRate), ...(ticket !== null && { ticket }) }));
      this.#connect(url, protocols);
    } catch (thrown) {
      if (thrown instanceof MicrophoneError) this.#end({ title: 'No microphone', text: thrown.message });
      else this.#end({ title: 'The server did not take the call', text: asApiError(thrown).message });
    }
  }

  #connect(url: URL, protocols: string[]): void {
    const { handlers } = this.#options;
    const socket = new WebSocket(url, protocols);
    this.#socket = socket;
    socket.onopen = () => {
      this.#opened = true;
      handlers.onOpen();
      const early = this.#early ?? [];
      this.#early = null;
      for (const frame of early) handlers.onFrame(frame);
    };
    socket.onmessage = ({ data }) => {
      const event: unknown = typeof data === 'string' ? JSON.parse(data) : null;
      if (typeof event === 'object' && event !== null) handlers.onEvent(event as Record<string, unknown>);
    };
    socket.onclose = ({ code }) => this.#end(code === 1000 ? null : closingOf(code, this.#opened));
  }

  #hear(frame: Float32Array<ArrayBuffer>): void {
    this.#heardSamples += frame.length;
    this.clock.mark(this.heardMs, performance.now());
    this.#options.handlers.onSound(frame);
    if (this.#early === null) this.#options.handlers.onFrame(frame);
    else if (this.#early.push(frame) > MAX_EARLY_FRAMES) {
      this.#end({ title: 'The server did not take the call', text: 'It did not answer in time.' });
    }
  }

  #silence(): void {
    this.#microphone?.close();
  }

  #end(why: Closing | null): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#abort.abort();
    this.#silence();
    if (this.#socket !== null) {
      this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
      this.#socket.close();
    }
    this.#options.handlers.onEnd(why);
  }
}
