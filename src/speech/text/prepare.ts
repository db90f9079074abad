import type { Settings } from '../../config/kinds.ts';
import { SpeechError } from '../../errors.ts';
import { mannerOf, type Speaking } from './abilities.ts';
import { MappedText } from './mapped-text.ts';
import { type Piece, PieceList } from './pieces.ts';
import type { Pronunciations } from './pronunciation.ts';
import { parseSsml, type Ssml } from './ssml.ts';
import { PLAIN } from './ssml-values.ts';
import { tidy } from './tidy.ts';
import { requireLength } from './too-long.ts';

export interface PrepareOptions extends Speaking {
  format: 'text' | 'ssml';
  /** BCP 47 of the voice that will speak. */
  language: string;
  pronunciations?: Pronunciations | undefined;
  /** Speech may begin with a piece about this long, in characters; see `SentenceOptions.firstMaxChars`. */
  firstMaxChars?: number | undefined;
  limits: Pick<Settings['limits'], 'speechInputChars' | 'sentenceChars' | 'ssmlDepth' | 'breakMs' | 'speechAudioMs'>;
}

export interface PreparedSpeech {
  /** At least one; in the order of speaking. */
  pieces: Piece[];
  /** Code points to be spoken, after SSML and dictionary. */
  characters: number;
  /** All pauses between and around the pieces; part of the audio that `limits.speechAudioMs` bounds. */
  pauseMs: number;
  /** BCP 47: the voice's, or what SSML's `xml:lang` says. */
  language: string;
}

/**
 * Turns the caller's input into pieces an engine can speak: SSML or plain-text hygiene, dictionary, sentences.
 * Lengths are counted in Unicode code points, before and after expansion; offsets are UTF-16 units of `input`.
 * Errors, all with param `input`: `text_too_long`, `invalid_ssml`, `unsupported_by_model` (naming the element), and
 * `invalid_request` for broken Unicode and where nothing can be spoken.
 */
export function prepareSpeech(input: string, options: PrepareOptions): PreparedSpeech {
  const { limits } = options;
  requireLength(input, limits.speechInputChars);
  const { parts, language } = options.format === 'ssml' ? readSsml(input, options) : readPlain(input, options);

  const list = new PieceList({
    maxChars: limits.sentenceChars,
    maxCharacters: limits.speechInputChars,
    language,
    ...(options.firstMaxChars === undefined ? {} : { firstMaxChars: options.firstMaxChars }),
    ...(options.pronunciations === undefined ? {} : { pronunciations: options.pronunciations }),
  });
  for (const part of parts) {
    if (part.kind === 'text') list.text(part, mannerOf(part, options, input));
    else if (part.kind === 'pause') list.pause(part.ms);
    else if (part.kind === 'mark') list.mark(part.name, part.at);
    else list.boundary(part.paragraph);
  }
  const pieces = list.finish();
  if (pieces.length === 0) {
    throw new SpeechError('invalid_request', 'The text has nothing in it that can be spoken.', { param: 'input' });
  }
  const pauseMs = pieces.reduce((sum, piece) => sum + piece.pauseBeforeMs + piece.pauseAfterMs, 0);
  return { pieces, characters: list.characters, pauseMs, language };
}

function readSsml(input: string, { language, limits }: PrepareOptions): Ssml {
  if (!input.isWellFormed()) tidy(MappedText.of(input)); // refuses
  return parseSsml(input, {
    language,
    maxChars: limits.speechInputChars,
    maxDepth: limits.ssmlDepth,
    maxBreakMs: limits.breakMs,
    maxPauseMs: limits.speechAudioMs,
  });
}

function readPlain(input: string, { language }: PrepareOptions): Pick<Ssml, 'parts' | 'language'> {
  const content = tidy(MappedText.of(input));
  return {
    parts: [{ kind: 'text', content, from: 0, to: input.length, literal: false, ...PLAIN }],
    language,
  };
}
