import { setImmediate as nextTurn } from 'node:timers/promises';
import { abortError, SpeechError } from '../../errors.ts';
import type { Capabilities, LoadedModel, SpeakChunk, SpeakRequest, Voice, WordMark } from '../contract.ts';
import { deliveryOf, SPEED } from './delivery.ts';
import { type IpaTable, ipaToMnemonics, learnIpa } from './ipa.ts';
import { WordMarks } from './marks.ts';
import { plainText, windowOf, wordsOf } from './text.ts';
import { type Clause, type Delivery, type Espeak, loadEspeak } from './wasm.ts';

// eSpeak ends a clause after 800 bytes of text at the latest (N_TR_SOURCE in translate.h), so more is never looked at.
const WINDOW_POINTS = 800;

/** eSpeak NG, loaded. Clauses are made one at a time; between them other work and cancellation get their turn. */
export class EspeakModel implements LoadedModel {
  readonly capabilities: Capabilities;
  /** The WASM build works on the one thread. */
  readonly concurrency = 1;
  readonly #espeak: Espeak;
  readonly #voices: ReadonlyMap<string, Voice>;
  /** By voice file, each learned when first needed. */
  readonly #ipa = new Map<string, IpaTable>();

  constructor(espeak: Espeak, capabilities: Capabilities) {
    this.#espeak = espeak;
    this.capabilities = capabilities;
    this.#voices = new Map(capabilities.speak!.voices.map((voice) => [voice.id, voice]));
  }

  /** Loads WASM and dictionaries and says a word, so that the first request does not pay for compiling. */
  static async load(capabilities: Capabilities): Promise<EspeakModel> {
    const espeak = await loadEspeak();
    espeak.deliver(deliveryOf('gmw/en-US', 1, 0));
    espeak.speakClause('Ready.');
    return new EspeakModel(espeak, capabilities);
  }

  async *speak(request: SpeakRequest, signal: AbortSignal): AsyncGenerator<SpeakChunk, void, void> {
    const voice = this.#voices.get(request.voice);
    if (voice === undefined) {
      throw new SpeechError('voice_not_found', `The voice "${request.voice}" does not exist.`, { param: 'voice' });
    }
    const delivery = deliveryOf(String(voice.speaker ?? voice.id), request.speed, request.pitch ?? 0);
    if (signal.aborted) throw abortError(signal);
    const chunks = request.phonemes === undefined ? this.#text(request, delivery) : this.#phonemes(request, delivery);
    for (const chunk of chunks) {
      yield chunk;
      await nextTurn();
      if (signal.aborted) throw abortError(signal);
    }
  }

  async close(): Promise<void> {
    this.#ipa.clear();
  }

  *#text(request: SpeakRequest, delivery: Delivery): Generator<SpeakChunk, void, void> {
    const text = plainText(request.text);
    const words = wordsOf(text);
    if (words.length === 0) return;
    const marks = new WordMarks(words);
    let samples = 0;
    for (let at = 0; at < text.length; ) {
      const window = windowOf(text, at, WINDOW_POINTS);
      this.#espeak.deliver(delivery);
      const clause = this.#espeak.speakClause(window.text);
      const { length } = clause.pcm;
      if (length > 0) {
        yield this.#chunk(clause, marks.clause(clause.events, window.offsets, this.#ms(samples), this.#ms(length)));
      }
      samples += length;
      at = window.offsets[clause.consumed] ?? at + window.text.length;
    }
  }

  *#phonemes(request: SpeakRequest, delivery: Delivery): Generator<SpeakChunk, void, void> {
    const pieces = ipaToMnemonics(request.phonemes!, this.#ipaOf(delivery));
    let samples = 0;
    for (const piece of pieces) {
      this.#espeak.deliver(delivery);
      const clause = this.#espeak.speakMnemonics(piece);
      // Nothing says which phonemes stand for which words: each piece is marked as the whole text.
      const mark: WordMark = {
        from: 0,
        to: request.text.length,
        startMs: this.#ms(samples),
        endMs: this.#ms(samples + clause.pcm.length),
      };
      yield this.#chunk(clause, request.text === '' ? [] : [mark]);
      samples += clause.pcm.length;
    }
  }

  #ipaOf(delivery: Delivery): IpaTable {
    const file = delivery.voice.split('+')[0]!;
    let table = this.#ipa.get(file);
    if (table === undefined) {
      this.#espeak.deliver(deliveryOf(file, SPEED.max, 0));
      table = learnIpa(this.#espeak, file);
      this.#ipa.set(file, table);
    }
    return table;
  }

  #chunk(clause: Clause, marks: WordMark[]): SpeakChunk {
    return { pcm: clause.pcm, sampleRate: this.#espeak.sampleRate, marks };
  }

  #ms(samples: number): number {
    return Math.round((samples * 1000) / this.#espeak.sampleRate);
  }
}
