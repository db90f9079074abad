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

/** Containers that FFmpeg reads for us. */
export type Container = 'mp3' | 'aac' | 'flac' | 'ogg' | 'mov' | 'matroska' | 'aiff';

/** What a live stream of compressed audio has become. */
export interface LiveSound {
  /** PCM of 16 000 Hz: one array of all channels mixed, or one for each. Empty where only the mark is told. */
  channels: Float32Array[];
  /** Everything that was pushed before a `mark` has been decoded, as far as it can be. */
  marked: boolean;
}

/** `opus-packets`: no container, each message is one packet. */
export type LiveContainer = Container | 'opus-packets';

export interface LiveDecodeOptions {
  container: LiveContainer;
  /** Each channel by itself, as many as the stream begins with, else all of them mixed. */
  apart: boolean;
  /** Whose share of the decoders it takes. */
  caller: string;
}

/**
 * A compressed stream that is decoded while it arrives. The iteration waits where its reader does and ends behind the
 * last sound. It throws SpeechError `invalid_audio` and `unsupported_audio` for what is no audio or none that we decode,
 * `audio_too_long` where more audio came out than a live stream can hold by now, `engine_failed` where the decoder died
 * and `deadline_exceeded` where it made no progress. Leaving it ends the decoder.
 */
export interface LiveDecoding extends AsyncIterable<LiveSound> {
  /** Bytes that were pushed and are not decoded yet. */
  readonly waitingBytes: number;
  /** Of the bytes that may wait, how many do: 0 to 1. */
  readonly fullness: number;
  /** Bytes cut anywhere. Throws SpeechError `overloaded` where too many wait. */
  push(bytes: Uint8Array): void;
  /** Asks to be told when everything before has been decoded. Each is told once, in order. */
  mark(): void;
  /** No more bytes come. */
  end(): void;
  /** Ends it now; the iteration ends without a further sound. */
  close(): void;
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

/** Codecs that also read what arrives live. */
export interface LiveMedia extends Media {
  /** Errors: `overloaded` where as many streams are being decoded as may be, `rate_limit_exceeded` for the caller's share, `shutting_down`. */
  decodeLive(options: LiveDecodeOptions): LiveDecoding;
}
