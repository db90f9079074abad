import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The part of `sherpa-onnx-node` that this engine uses; the package has no types of its own. */
export interface Native {
  OfflineTts: { createAsync(config: object): Promise<NativeVoice> };
  OfflineRecognizer: { createAsync(config: object): Promise<NativeRecogniser> };
  OnlineRecognizer: new (config: object) => NativeStreamingRecogniser;
  Vad: new (config: object, bufferSeconds: number) => NativeVad;
  OnlineSpeechDenoiser: new (config: object) => NativeDenoiser;
  OfflineSpeakerDiarization: new (config: object) => NativeDiarizer;
  SpeakerEmbeddingExtractor: new (config: object) => NativeEmbedder;
  OfflinePunctuation: new (config: object) => NativePunctuator;
  OnlinePunctuation: new (config: object) => NativePunctuator;
  SpokenLanguageIdentification: new (config: object) => NativeLanguageFinder;
  /** Reads a WAV file of one channel with 16-bit samples. Throws for another one. */
  readWave(path: string, externalBuffer: false): Waveform;
}

export interface NativeVoice {
  readonly sampleRate: number;
  readonly numSpeakers: number;
  /** `onProgress` gets each finished sentence; once it returns 0, generation stops before the next one. */
  generateAsync(request: {
    text: string;
    generationConfig: NativeGeneration;
    onProgress(part: { samples: Float32Array }): 0 | 1;
  }): Promise<{ samples: Float32Array }>;
}

export interface NativeGeneration {
  sid: number;
  speed: number;
  silenceScale: number;
  numSteps?: number;
  referenceAudio?: Float32Array;
  referenceSampleRate?: number;
  referenceText?: string;
  extra?: Readonly<Record<string, string | number>>;
}

export interface Waveform {
  samples: Float32Array;
  sampleRate: number;
}

export interface NativeRecogniser {
  createStream(): { acceptWaveform(audio: Waveform): void };
  decodeAsync(stream: object): Promise<NativeResult>;
  /** Changes the language and task of a model that takes them. Not to be called while it decodes. */
  setConfig(config: object): void;
}

export interface NativeStream {
  acceptWaveform(audio: Waveform): void;
  inputFinished(): void;
  setOption(key: string, value: string): void;
}

/** Works synchronously, a fraction of a second of audio at a time. */
export interface NativeStreamingRecogniser {
  createStream(): NativeStream;
  isReady(stream: NativeStream): boolean;
  decode(stream: NativeStream): void;
  getResult(stream: NativeStream): NativeResult;
}

/** Everything below is synchronous. */
export interface NativeVad {
  /** Hears a voice or none in all that is given at once: to be given one window at a time. */
  acceptWaveform(samples: Float32Array): void;
  isEmpty(): boolean;
  /** Whether a stretch is open at the end of what was given. */
  isDetected(): boolean;
  /** The first finished stretch; `start` is a sample since the beginning or the last reset. */
  front(externalBuffer: false): { start: number; samples: Float32Array };
  pop(): void;
  flush(): void;
  reset(): void;
}

export interface NativeDenoiser {
  readonly sampleRate: number;
  run(audio: Waveform & { enableExternalBuffer: false }): Waveform;
  flush(externalBuffer: false): Waveform;
  reset(): void;
}

export interface NativeDiarizer {
  process(samples: Float32Array): { start: number; end: number; speaker: number }[];
  setConfig(config: { clustering: object }): void;
}

export interface NativeEmbedder {
  createStream(): NativeStream;
  isReady(stream: NativeStream): boolean;
  compute(stream: NativeStream, externalBuffer: false): Float32Array;
}

export interface NativePunctuator {
  addPunct(text: string): string;
}

export interface NativeLanguageFinder {
  createStream(): { acceptWaveform(audio: Waveform): void };
  compute(stream: object): string;
}

/** What recognisers return. Times are seconds; a list is empty or missing where the model has nothing to say. */
export interface NativeResult {
  text: string;
  /** `en`, or `<|en|>`. */
  lang?: string;
  tokens?: string[];
  /** When each token starts. */
  timestamps?: number[];
  durations?: number[];
  /** Natural logarithms, one per token. */
  ys_log_probs?: number[];
  /** The same from streaming recognisers. */
  ys_probs?: number[];
  segment_timestamps?: number[];
  segment_durations?: number[];
  segment_texts?: string[];
}

const require = createRequire(import.meta.url);

/** Loads the native library. Takes about 30 ms and 20 MB, so only a process that opens a model should call it. */
export function loadNative(): Native {
  return require('sherpa-onnx-node') as Native;
}

/** The folders of the package and of the binaries for this machine; undefined where they are not installed. */
export function nativeFolders(): { package: string; binaries: string } | undefined {
  try {
    const folder = dirname(require.resolve('sherpa-onnx-node/package.json'));
    const platform = process.platform === 'win32' ? 'win' : process.platform;
    const binaries = join(dirname(folder), `sherpa-onnx-${platform}-${process.arch}`);
    return existsSync(join(binaries, 'sherpa-onnx.node')) ? { package: folder, binaries } : undefined;
  } catch {
    return undefined;
  }
}
