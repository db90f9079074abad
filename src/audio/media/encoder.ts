import { resolve } from 'node:path';
import { SpeechError } from '../../errors.ts';
import { Child } from '../../processes/child.ts';
import type { AudioChunk } from '../contract.ts';
import type { FromEncoder, ToEncoder } from './messages.ts';
import type { CompressedFormat } from './stream-encoder.ts';

const MODULE = resolve(import.meta.dirname, 'encoder.child.ts');
const READY_TIMEOUT_MS = 30_000;
/** A slice takes milliseconds; one that takes this long, with all other streams before it, never ends. */
const ANSWER_TIMEOUT_MS = 30_000;

/** A stream of audio on its way to bytes. One call at a time. */
export interface AudioSink {
  write(chunk: AudioChunk): Promise<Uint8Array>;
  end(): Promise<Uint8Array>;
  /** Gives everything back; after `end` there is nothing left to give. */
  drop(): void;
}

/** One encoder process with its streams. */
export class Encoder {
  /** Streams opened so far. */
  opened = 0;
  /** Called when the last stream has gone. */
  onIdle: () => void = () => {};
  readonly ready: Promise<unknown>;
  readonly exited: Promise<unknown>;
  #child: Child;
  /** Why it takes no more work. */
  #failure: SpeechError | undefined;
  #streams = new Set<number>();
  #calls = new Map<number, PromiseWithResolvers<Uint8Array>>();

  constructor(memoryBytes: number) {
    this.#child = new Child({
      module: MODULE,
      name: 'audio encoder',
      readable: [],
      memoryBytes,
      readyTimeoutMs: READY_TIMEOUT_MS,
      init: null,
      onMessage: (message) => this.#receive(message as FromEncoder),
    });
    this.ready = this.#child.ready;
    this.exited = this.#child.exited.then(({ reason, stderr }) => {
      this.#fail(new SpeechError('engine_failed', 'The audio encoder failed.', { detail: `${reason}; ${stderr}` }));
    });
  }

  get alive(): boolean {
    return this.#failure === undefined;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Streams that are being encoded. */
  get streams(): number {
    return this.#streams.size;
  }

  /** The process must be ready. */
  open(format: CompressedFormat, sampleRate: number): AudioSink {
    const stream = ++this.opened;
    this.#streams.add(stream);
    this.#send({ kind: 'open', stream, format, sampleRate });
    return {
      write: (chunk) => this.#call({ kind: 'write', stream, chunk }),
      end: () => this.#call({ kind: 'end', stream }),
      drop: () => {
        if (!this.#streams.delete(stream)) return;
        this.#send({ kind: 'drop', stream });
        if (this.#streams.size === 0) this.onIdle();
      },
    };
  }

  stop(error: SpeechError): Promise<void> {
    this.#fail(error);
    return this.#child.stop();
  }

  async #call(message: ToEncoder): Promise<Uint8Array> {
    if (this.#failure !== undefined) throw this.#failure;
    const call = Promise.withResolvers<Uint8Array>();
    this.#calls.set(message.stream, call);
    this.#send(message);
    const timer = setTimeout(() => this.#child.kill(), ANSWER_TIMEOUT_MS);
    try {
      return await call.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  #receive(message: FromEncoder): void {
    const call = this.#calls.get(message.stream);
    this.#calls.delete(message.stream);
    if ('error' in message) call?.reject(SpeechError.fromData(message.error));
    else call?.resolve(message.bytes);
  }

  #send(message: ToEncoder): void {
    if (this.alive) void this.#child.send(message);
  }

  #fail(error: SpeechError): void {
    this.#failure ??= error;
    for (const call of this.#calls.values()) call.reject(error);
    this.#calls.clear();
  }
}
