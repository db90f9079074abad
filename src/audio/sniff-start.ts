import { SpeechError } from '../errors.ts';
import type { LiveContainer } from './contract.ts';
import { sniff } from './sniff.ts';

/** As many bytes as the longest signature has. */
const SIGNATURE_BYTES = 12;
/** Ogg and Matroska, which is WebM, too. */
const CONTAINERS_OF_OPUS = [Buffer.from('OggS'), Buffer.from('1a45dfa3', 'hex')];
/** Two frames of MP3 or ADTS, which have no signature, are in fewer. */
const FRAMES_BYTES = 16_384;

/**
 * The container that a stream begins with; undefined as long as more of it has to come first. With `bareOpus`, what has
 * no container's signature is a packet of Opus. SpeechError `unsupported_audio` for what begins like none.
 */
export function sniffStart(start: Uint8Array, bareOpus: boolean): LiveContainer | 'wav' | undefined {
  const found = sniff((position, length) => start.subarray(position, position + length));
  if (bareOpus) {
    if (found === 'ogg' || found === 'matroska') return found;
    return CONTAINERS_OF_OPUS.some((sign) => sign.subarray(0, start.length).equals(start)) ? undefined : 'opus-packets';
  }
  if (found !== undefined) return found;
  if (start.length < SIGNATURE_BYTES) return undefined;
  // Tags may be longer than what one would wait for; behind them it is MP3, or FFmpeg finds that it is not.
  if (start[0] === 0x49 && start[1] === 0x44 && start[2] === 0x33) return 'mp3';
  if (start[0] === 0xff && (start[1]! & 0xe0) === 0xe0 && start.length < FRAMES_BYTES) return undefined;
  throw new SpeechError(
    'unsupported_audio',
    'The stream is in no supported format: wav, webm, ogg, opus, flac, mp3, aac, fragmented mp4 or aiff. Raw audio needs an encoding.',
  );
}
