import { SampleReader } from '../audio/sample-reader.ts';
import { SpeechError } from '../errors.ts';
import type { Listening, ListeningEvent } from '../live/contract.ts';
import type { AudioFormat } from './session-config.ts';
import { wireEncoding, wireRate } from './wire-audio.ts';

export interface ItemHearingOptions {
  /** Whoever deletes an item does not want to know its words. */
  isWanted(item: string): boolean;
  onHeard(item: string, transcript: string): void;
  /** Opens ears of their own, beside those of the session. */
  open(onEvent: (event: ListeningEvent) => void): Promise<Listening>;
}

interface Unheard {
  item: string;
  audio: Buffer;
  format: AudioFormat;
}

/**
 * Hears the items that a client sends as audio: one after another, so that a thousand take no more recognisers than
 * one. Every item that was taken is told, also where nothing of it is known.
 */
export class ItemHearing {
  readonly #options: ItemHearingOptions;
  /** The first one is being heard. */
  #waiting: Unheard[] = [];
  #heard: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: ItemHearingOptions) {
    this.#options = options;
  }

  /** Audio that waits, in ms. */
  get waitingMs(): number {
    return this.#waiting.reduce((sum, each) => sum + lengthMs(each), 0);
  }

  /** Resolves when all that was taken so far has been told. */
  get heard(): Promise<void> {
    return this.#heard;
  }

  /** Takes one more. Throws SpeechError `overloaded` where more than `roomMs` would wait then. */
  hear(added: Unheard, roomMs: number): void {
    const [first, ...others] = this.#waiting;
    this.#waiting = first === undefined ? [] : [first, ...others.filter(({ item }) => this.#options.isWanted(item))];
    if (this.waitingMs + lengthMs(added) > roomMs) {
      throw new SpeechError('overloaded', 'The audio comes faster than it can be heard.', { param: 'item' });
    }
    this.#waiting.push(added);
    if (first === undefined) this.#heard = this.#hearAll();
  }

  /** Nothing more is told. What `open` gave is closed by the caller's signal, or when it is told. */
  close(): void {
    this.#closed = true;
  }

  async #hearAll(): Promise<void> {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const transcript = await this.#transcribe(next);
      this.#waiting.shift();
      if (this.#closed) this.#waiting = [];
      else this.#options.onHeard(next.item, transcript);
    }
  }

  async #transcribe({ item, audio, format }: Unheard): Promise<string> {
    if (!this.#options.isWanted(item)) return '';
    const said: string[] = [];
    let listening: Listening | undefined;
    try {
      listening = await this.#options.open((event) => {
        if (event.type === 'final' && event.text !== '') said.push(event.text);
      });
      listening.push({ pcm: new SampleReader(wireEncoding(format)).read(audio), sampleRate: wireRate(format) });
      await listening.finish();
      return said.join(' ');
    } catch {
      // A response that waits for it goes on without it.
      return '';
    } finally {
      listening?.close();
    }
  }
}

function lengthMs({ audio, format }: Unheard): number {
  const bytesPerSample = format.type === 'audio/pcm' ? 2 : 1;
  return (audio.length * 1000) / (bytesPerSample * wireRate(format));
}
