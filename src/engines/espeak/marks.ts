import type { EspeakEvent } from '@echogarden/espeak-ng-emscripten';
import type { WordMark } from '../contract.ts';
import type { Range } from './text.ts';

/**
 * Turns eSpeak's word events into marks. eSpeak reports more than one event for what it says in several words ("42",
 * "e-mail", "😀"), and after some abbreviations its positions slip by a few characters: an event therefore only
 * chooses the word it falls into, and events of one word are joined.
 */
export class WordMarks {
  readonly #words: readonly Range[];
  /** The word last marked; marks never go back. */
  #index = -1;

  constructor(words: readonly Range[]) {
    this.#words = words;
  }

  /**
   * The marks of one clause. `offsets` are the UTF-16 indexes of the code points its events count, `startMs` is where
   * the clause begins in the audio and `durationMs` how long it is.
   */
  clause(events: readonly EspeakEvent[], offsets: readonly number[], startMs: number, durationMs: number): WordMark[] {
    const marks: WordMark[] = [];
    let current: WordMark | undefined;
    let sounding = false;
    const soundEnds = (ms: number): void => {
      if (sounding && current !== undefined) current.endMs = startMs + ms;
    };
    for (const event of events) {
      soundEnds(event.audio_position);
      if (event.type === 'phoneme') {
        sounding = event.id !== '';
      } else if (event.type === 'word') {
        sounding = false;
        const index = this.#wordAt(offsets[Math.max(event.text_position, 1) - 1] ?? offsets.at(-1)!);
        const word = this.#words[index];
        if (index === this.#index || word === undefined) continue;
        this.#index = index;
        const at = startMs + event.audio_position;
        current = { from: word.from, to: word.to, startMs: at, endMs: at };
        marks.push(current);
      }
    }
    soundEnds(durationMs);
    return marks;
  }

  /** The last word that begins at or before a position, but never one before the last marked. */
  #wordAt(position: number): number {
    let index = Math.max(this.#index, 0);
    while (index + 1 < this.#words.length && this.#words[index + 1]!.from <= position) index += 1;
    return index;
  }
}
