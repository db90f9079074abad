import { SpeechError } from '../../errors.ts';
import { codePoints } from './characters.ts';

/** The error for text beyond its bound; `characters` in code points, or what is known of them. */
export function tooLong(characters: number | string, max: number): SpeechError {
  const message = `The text has ${characters} characters; at most ${max} are spoken at once (TTS_MAX_INPUT_LENGTH).`;
  return new SpeechError('text_too_long', message, { param: 'input' });
}

/** Throws `text_too_long` for more than `max` code points. A text far too long is refused without being looked at. */
export function requireLength(text: string, max: number): void {
  if (text.length <= max) return;
  if (text.length > 2 * max) throw tooLong(`more than ${max}`, max);
  const characters = codePoints(text);
  if (characters > max) throw tooLong(characters, max);
}
