/** Mono float32 in [-1, 1]. */
export interface AudioChunk {
  pcm: Float32Array;
  sampleRate: number;
}

export const AUDIO_FORMATS = ['mp3', 'opus', 'aac', 'flac', 'wav', 'pcm', 'm4a'] as const;
export type AudioFormat = (typeof AUDIO_FORMATS)[number];

/** A stretch of a recording, 16 000 Hz, cut at pauses so that it never exceeds the asked length. */
export interface RecordingPiece {
  pcm: Float32Array;
  /** Position in the recording. */
  startMs: number;
  endMs: number;
  /** False where no voice was detected in it: it may be skipped. */
  speech: boolean;
}

export interface DecodeOptions {
  /** Longest piece to yield. */
  maxPieceMs: number;
  /** Decoded audio beyond this ends with SpeechError `audio_too_long`. */
  maxAudioMs: number;
  /** Decoding that takes longer ends with `deadline_exceeded`. Waiting for a free decoder or a slow reader is not counted. */
  timeoutMs: number;
  signal: AbortSignal;
}

/** Codecs, run outside the server process. */
export interface Media {
  /**
   * Reads a recording of any allowed format, found by its content, and yields it in pieces while it decodes.
   * Errors: `invalid_audio` (broken, empty, or its header lies), `unsupported_audio` (not an allowed format),
   * `audio_too_long`, `deadline_exceeded`, `engine_failed` (the decoder died of it), `overloaded` (too many wait).
   */
  decode(path: string, options: DecodeOptions): AsyncIterable<RecordingPiece>;
  /**
   * Encodes audio while it is made. The first bytes leave as soon as the container allows it. `sampleRate` is the
   * rate to write, or the next one that the format knows; chunks of other rates are resampled. Ends with whatever error
   * `chunks` ends with, with `engine_failed` when the encoder died, or with `overloaded`.
   */
  encode(
    chunks: AsyncIterable<AudioChunk>,
    options: { format: AudioFormat; sampleRate: number; signal: AbortSignal },
  ): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}
