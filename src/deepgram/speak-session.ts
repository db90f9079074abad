import { pcmToALaw, pcmToMuLaw } from '../audio/g711.ts';
import { toS16le } from '../audio/pcm.ts';
import { SpeechError } from '../errors.ts';
import type { Speaking } from '../live/contract.ts';
import { hasManyValues } from '../security/json-values.ts';
import type { ModelInfo } from './messages.ts';
import type { RawEncoding } from './speak-params.ts';

export interface SpeakOut {
  send(message: object): void;
  /** The same for what is wrong, with our code for it. */
  sendError(message: object, code: string): void;
  sendBinary(bytes: Uint8Array): void;
  close(code: number, reason?: string): void;
  /** Resolves when the client has read most of what it was sent. */
  ready(): Promise<void>;
}

export interface SpeakSessionOptions {
  speaking: Speaking;
  encoding: RawEncoding;
  requestId: string;
  model: ModelInfo;
}

const CLOSE = { done: 1000, failed: 1011 } as const;
/** Audio leaves in pieces of at most this many samples. */
const PIECE = 4800;

/** One stream of `WS /v1/speak`: text in, audio and Deepgram's messages out. */
export class SpeakSession {
  readonly #options: SpeakSessionOptions;
  #out: SpeakOut | undefined;
  #flushed = 0;
  #cleared = 0;
  #closing = false;
  /** Settles when nothing more is spoken. */
  #spoken: Promise<void> | undefined;

  constructor(options: SpeakSessionOptions) {
    this.#options = options;
  }

  begin(out: SpeakOut): void {
    const { requestId, model } = this.#options;
    this.#out = out;
    out.send({
      ...{ type: 'Metadata', request_id: requestId, model_name: model.id, model_version: model.revision },
      model_uuid: model.id,
    });
    this.#spoken = this.#speak(out);
  }

  text(message: string): void {
    if (this.#closing) return;
    const { speaking } = this.#options;
    const { type, text } = read(message);
    switch (type) {
      case 'Speak':
        if (typeof text !== 'string') {
          this.#warn('invalid_request', "A message of the type 'Speak' needs its text.");
          return;
        }
        try {
          speaking.append(text);
        } catch (thrown) {
          const { code, message: why } = SpeechError.from(thrown);
          this.#warn(code, why);
        }
        return;
      case 'Flush':
        speaking.flush();
        return;
      case 'Clear':
        speaking.clear();
        this.#out!.send({ type: 'Cleared', sequence_id: this.#cleared++ });
        return;
      case 'Close':
        this.#end();
        return;
      default:
        this.#warn('invalid_request', "A message must be JSON with the type 'Speak', 'Flush', 'Clear' or 'Close'.");
    }
  }

  /** What has come is still spoken. */
  async goodbye(): Promise<void> {
    this.#end();
    await this.#spoken;
  }

  closed(): void {
    this.#closing = true;
  }

  #end(): void {
    if (this.#closing) return;
    this.#closing = true;
    const { speaking } = this.#options;
    speaking.flush();
    speaking.end();
  }

  async #speak(out: SpeakOut): Promise<void> {
    const { speaking, encoding } = this.#options;
    try {
      for await (const event of speaking) {
        if (event.type === 'flushed') out.send({ type: 'Flushed', sequence_id: this.#flushed++ });
        if (event.type !== 'audio') continue;
        for (let at = 0; at < event.pcm.length; at += PIECE) {
          await out.ready();
          out.sendBinary(encodeRaw(event.pcm.subarray(at, at + PIECE), encoding));
        }
      }
      out.close(CLOSE.done);
    } catch (thrown) {
      const { code, message } = SpeechError.from(thrown);
      out.sendError({ type: 'Error', description: message, code }, code);
      out.close(CLOSE.failed, message);
    }
  }

  #warn(code: string, description: string): void {
    this.#out!.sendError({ type: 'Warning', description, code }, code);
  }
}

/** PCM in [-1, 1] as raw samples. */
export function encodeRaw(pcm: Float32Array, encoding: RawEncoding): Uint8Array {
  if (encoding === 'linear16') return toS16le(pcm);
  return encoding === 'mulaw' ? pcmToMuLaw(pcm) : pcmToALaw(pcm);
}

function read(message: string): { type?: unknown; text?: unknown } {
  if (hasManyValues(message)) return {};
  try {
    return (JSON.parse(message) as { type?: unknown; text?: unknown } | null) ?? {};
  } catch {
    return {};
  }
}
