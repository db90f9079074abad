import { Store } from '../lib/store.ts';
import type { Recording } from './transcriptionStore.ts';

interface RecorderState {
  phase: 'idle' | 'asking' | 'recording';
  /** Loudness now, 0 to 1 over the 60 dB below full scale. */
  level: number;
  elapsedMs: number;
  /** What went wrong, for people. */
  problem: string | null;
}

const IDLE: RecorderState = { phase: 'idle', level: 0, elapsedMs: 0, problem: null };

/** First choice first; what the browser cannot write is passed over. */
const TYPES = [
  { type: 'audio/webm;codecs=opus', extension: 'webm' },
  { type: 'audio/ogg;codecs=opus', extension: 'ogg' },
  { type: 'audio/mp4', extension: 'm4a' },
];

const LEVEL_EVERY_MS = 60;

/** Records the microphone into one file. */
export class Recorder extends Store<RecorderState> {
  #stop: (() => void) | null = null;
  #cancelled = false;

  constructor() {
    super(IDLE);
  }

  /**
   * Asks for the microphone and records until `stop`, or until the server would take no more: close to `maxBytes`, or
   * `maxMs`. Resolves with the recording, or null if there is none.
   */
  async record(maxBytes: number, maxMs: number): Promise<Recording | null> {
    if (this.state.phase !== 'idle') return null;
    if (navigator.mediaDevices === undefined || typeof MediaRecorder === 'undefined') {
      this.update({ problem: 'Browsers allow recording only on https:// pages and on localhost.' });
      return null;
    }
    this.#cancelled = false;
    this.update({ ...IDLE, phase: 'asking' });
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch (thrown) {
      this.update({ ...IDLE, problem: microphoneProblem(thrown) });
      return null;
    }
    if (this.#cancelled) {
      release(stream);
      this.update(IDLE);
      return null;
    }
    const meter = watchLevel(stream, (level, elapsedMs) => {
      this.update({ level, elapsedMs });
      if (elapsedMs > maxMs) this.stop();
    });
    this.update({ phase: 'recording' });
    try {
      const audio = await this.#capture(stream, maxBytes);
      return this.#cancelled || audio.blob.size === 0 ? null : { audio: audio.blob, name: audio.name };
    } catch {
      this.update({ problem: 'The browser stopped the recording.' });
      return null;
    } finally {
      this.#stop = null;
      meter.stop();
      release(stream);
      this.update({ phase: 'idle', level: 0, elapsedMs: 0 });
    }
  }

  stop(): void {
    this.#stop?.();
  }

  /** Stops and throws the recording away. */
  cancel(): void {
    this.#cancelled = true;
    this.#stop?.();
  }

  #capture(stream: MediaStream, maxBytes: number): Promise<{ blob: Blob; name: string }> {
    const kind = TYPES.find(({ type }) => MediaRecorder.isTypeSupported(type));
    const recorder = new MediaRecorder(stream, kind === undefined ? {} : { mimeType: kind.type });
    const pieces: Blob[] = [];
    let bytes = 0;
    const stop = (): void => {
      if (recorder.state !== 'inactive') recorder.stop();
    };
    this.#stop = stop;
    return new Promise((resolve, reject) => {
      recorder.addEventListener('dataavailable', ({ data }) => {
        pieces.push(data);
        bytes += data.size;
        if (bytes > maxBytes * 0.95) stop();
      });
      recorder.addEventListener('stop', () => {
        const blob = new Blob(pieces, { type: recorder.mimeType });
        resolve({ blob, name: `recording.${kind?.extension ?? 'webm'}` });
      });
      recorder.addEventListener('error', reject);
      recorder.start(1000);
    });
  }
}

/** Calls `onLevel` about sixteen times a second with the loudness of the stream. */
function watchLevel(stream: MediaStream, onLevel: (level: number, elapsedMs: number) => void): { stop(): void } {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const started = performance.now();
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    onLevel(loudness(samples), performance.now() - started);
  }, LEVEL_EVERY_MS);
  return {
    stop() {
      clearInterval(timer);
      void context.close();
    },
  };
}

/** Root mean square of the samples on a scale from -60 dB (0) to 0 dB (1). */
export function loudness(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const decibels = 10 * Math.log10(sum / samples.length + 1e-12);
  return Math.min(1, Math.max(0, 1 + decibels / 60));
}

/** Why the microphone was not given, by the names of the Media Capture standard (§10.2.4). */
export function microphoneProblem(thrown: unknown): string {
  switch (thrown instanceof Error || thrown instanceof DOMException ? thrown.name : '') {
    case 'NotAllowedError':
      return 'The browser was not allowed to use the microphone. Allow it beside the address bar, then try again.';
    case 'NotFoundError':
      return 'No microphone was found. Connect one, then try again.';
    case 'NotReadableError':
      return 'The microphone is in use by another program.';
    default:
      return 'The microphone could not be opened.';
  }
}

function release(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
