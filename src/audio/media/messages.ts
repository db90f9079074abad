import type { SpeechErrorData } from '../../errors.ts';
import type { AudioChunk, RecordingPiece } from '../contract.ts';
import type { RecordingRequest } from './decode-recording.ts';
import type { CompressedFormat } from './stream-encoder.ts';

/**
 * To a decoder, which works on one recording at a time. It may send one piece for every `more`; at the end, also after
 * `cancel`, it sends one `end` and is free.
 */
export type ToDecoder = { kind: 'decode'; request: RecordingRequest } | { kind: 'more' } | { kind: 'cancel' };
export type FromDecoder = { kind: 'piece'; piece: RecordingPiece } | { kind: 'end'; error?: SpeechErrorData };

/** To the encoder, which works on many streams. Each `write` and `end` gets one answer; after an error or `end` the stream is gone. */
export type ToEncoder =
  | { kind: 'open'; stream: number; format: CompressedFormat; sampleRate: number }
  | { kind: 'write'; stream: number; chunk: AudioChunk }
  | { kind: 'end'; stream: number }
  | { kind: 'drop'; stream: number };
export type FromEncoder = { stream: number; bytes: Uint8Array } | { stream: number; error: SpeechErrorData };

/**
 * To the decoder of one live stream. Each `more` is answered once: by a `sound` when there is something to tell (audio,
 * bytes that were used up, a mark that was reached), or by an `end`, behind which nothing follows.
 */
export type ToLiveDecoder =
  | { kind: 'bytes'; bytes: Uint8Array }
  | { kind: 'mark' }
  | { kind: 'end' }
  | { kind: 'more' };
export type FromLiveDecoder =
  | { kind: 'sound'; channels: Float32Array[]; usedBytes: number; marked: boolean }
  | { kind: 'end'; error?: SpeechErrorData };
