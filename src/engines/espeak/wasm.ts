import { readFile } from 'node:fs/promises';
import type { EspeakEvent, EspeakModule, EspeakWorker } from '@echogarden/espeak-ng-emscripten';
import { SpeechError } from '../../errors.ts';
import { packageFiles } from './package-files.ts';

/** How a clause is to be said, in eSpeak's own scales. */
export interface Delivery {
  /** A voice file with an optional variant, for example `gmw/en-US+f3`. */
  voice: string;
  /** Words per minute. */
  rate: number;
  /** 0 to 100, 50 is the voice's own. */
  pitch: number;
  /** Width of the melody, 0 to 100, 50 is the voice's own. */
  range: number;
}

export interface Clause {
  /** Mono, at `Espeak.sampleRate`. */
  pcm: Float32Array;
  /** Code points of the text that this clause used up: at least one, Infinity when it was the last. */
  consumed: number;
  /** In the order they happen; `audio_position` is in ms from the clause's start. */
  events: EspeakEvent[];
}

/** eSpeak NG in WebAssembly. Every call blocks until its clause is done: some milliseconds, about a second at worst. */
export class Espeak {
  readonly sampleRate: number;
  readonly files: EspeakModule['FS'];
  readonly #worker: EspeakWorker;
  #voice = '';

  constructor(module: EspeakModule) {
    this.#worker = new module.eSpeakNGWorker();
    this.files = module.FS;
    this.sampleRate = this.#worker.get_samplerate();
  }

  /** SpeechError `voice_not_found` when the voice file does not exist. */
  deliver(delivery: Delivery): void {
    if (this.#voice !== delivery.voice) {
      this.#voice = '';
      if (this.#worker.set_voice(delivery.voice) !== 0) {
        throw new SpeechError('voice_not_found', `The voice ${delivery.voice} does not exist.`, { param: 'voice' });
      }
      this.#voice = delivery.voice;
    }
    this.#worker.set_rate(delivery.rate);
    this.#worker.set_pitch(delivery.pitch);
    this.#worker.set_range(delivery.range);
  }

  /**
   * Says the first clause of a text and stops there. eSpeak works clause by clause anyway, with the pause that belongs
   * after it, so that saying clause after clause sounds the same as saying all at once. The text is read as it is:
   * this entry point of the build knows neither SSML nor mnemonics.
   */
  speakClause(text: string): Clause {
    return this.#record((callback) => this.#worker.synthesize_and_get_phonemes(text, callback));
  }

  /** Says eSpeak's own phoneme mnemonics: one short clause of them. */
  speakMnemonics(mnemonics: string): Clause {
    return this.#record((callback) => this.#worker.synthesize(`[[${mnemonics}]]`, callback));
  }

  listVoices(): ReturnType<EspeakWorker['list_voices']> {
    return this.#worker.list_voices();
  }

  #record(run: (callback: (pcm: Int16Array, events: EspeakEvent[]) => boolean) => void): Clause {
    const pieces: Int16Array[] = [];
    const events: EspeakEvent[] = [];
    let consumed = 0;
    run((pcm, arrived) => {
      pieces.push(pcm);
      events.push(...arrived);
      for (const event of arrived) if (event.type === 'end') consumed = event.text_position;
      return consumed > 0;
    });
    return { pcm: toFloat(pieces), consumed: consumed > 0 ? consumed : Number.POSITIVE_INFINITY, events };
  }
}

/** Loads the build and its dictionaries. SpeechError `model_unavailable` when the package is missing or broken. */
export async function loadEspeak(): Promise<Espeak> {
  const files = packageFiles();
  if (files === undefined) throw new SpeechError('model_unavailable', 'The eSpeak NG package is not installed.');
  try {
    const { default: load } = await import('@echogarden/espeak-ng-emscripten');
    // Handing over the data file ourselves matters: the build's own loader waits for ever when it cannot read it.
    const data = (await readFile(files.data)).buffer as ArrayBuffer;
    const silent = (): void => {};
    return new Espeak(await load({ getPreloadedPackage: () => data, print: silent, printErr: silent }));
  } catch (error) {
    throw new SpeechError('model_unavailable', 'eSpeak NG could not be started.', { cause: error, detail: `${error}` });
  }
}

function toFloat(pieces: readonly Int16Array[]): Float32Array {
  const pcm = new Float32Array(pieces.reduce((total, piece) => total + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    for (const sample of piece) pcm[at++] = sample / 32_768;
  }
  return pcm;
}
