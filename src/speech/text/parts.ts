import type { MappedText, Range } from './mapped-text.ts';
import type { Emphasis, Prosody } from './ssml-values.ts';

/** Text in one manner of speaking. `from` and `to` are its place in the input, its markup included. */
export interface TextPart extends Prosody, Range {
  kind: 'text';
  content: MappedText;
  emphasis?: Emphasis;
  /** IPA to speak instead of the text. */
  phonemes?: string;
  /** Already the spoken form: the pronunciation dictionary leaves it alone. */
  literal: boolean;
}

export type SpeechPart =
  | TextPart
  | { kind: 'pause'; ms: number }
  /** `at` is the place of the tag in the input. */
  | { kind: 'mark'; name: string; at: number }
  /** A sentence or paragraph ends here. */
  | { kind: 'boundary'; paragraph: boolean };
