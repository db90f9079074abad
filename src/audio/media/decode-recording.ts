import { setImmediate } from 'node:timers/promises';
import { SpeechError } from '../../errors.ts';
import type { RecordingPiece } from '../contract.ts';
import { PieceCutter } from '../pieces.ts';
import { Resampler } from '../resample.ts';
import { sniff } from '../sniff.ts';
import type { VoiceDetector } from '../vad.ts';
import { WavReader } from '../wav.ts';
import { loadFfmpeg } from './ffmpeg.ts';
import { decodeWithFfmpeg } from './ffmpeg-decode.ts';
import { RecordingFile } from './recording-file.ts';

const RATE = 16_000;
const READ_BYTES = 262_144;
/** How long decoding may keep the process from reading its messages. */
const SLICE_MS = 25;

export interface RecordingRequest {
  path: string;
  maxPieceMs: number;
  maxAudioMs: number;
}

/**
 * Decodes a recording and hands over its pieces as they are found. Waits where `deliver` waits; stops quietly after
 * `stopped` returns true. Errors are those of `Media.decode`.
 */
export async function decodeRecording(
  { path, maxPieceMs, maxAudioMs }: RecordingRequest,
  voice: VoiceDetector,
  deliver: (piece: RecordingPiece) => Promise<void>,
  stopped: () => boolean,
): Promise<void> {
  const file = new RecordingFile(path);
  try {
    voice.reset();
    const cutter = new PieceCutter(maxPieceMs, (frame) => voice.hearsVoice(frame));
    const maxSamples = (maxAudioMs * RATE) / 1000;
    let samples = 0;
    let sliceStart = performance.now();
    for (const pcm of await open(file, maxAudioMs)) {
      samples += pcm.length;
      if (samples > maxSamples) throw new SpeechError('audio_too_long', 'The recording is too long.');
      for (const piece of cutter.push(pcm)) await deliver(piece);
      if (performance.now() - sliceStart > SLICE_MS) {
        await setImmediate();
        sliceStart = performance.now();
      }
      if (stopped()) return;
    }
    if (samples === 0) throw new SpeechError('invalid_audio', 'The recording contains no audio.');
    for (const piece of cutter.end()) await deliver(piece);
  } finally {
    file.close();
  }
}

/** The recording as 16 000 Hz mono; each array is valid until the next is asked for. */
async function open(file: RecordingFile, maxAudioMs: number): Promise<Iterable<Float32Array>> {
  if (file.size === 0) throw new SpeechError('invalid_audio', 'The file is empty.');
  const container = sniff(file.readAt);
  if (container === undefined) {
    throw new SpeechError(
      'unsupported_audio',
      'The file is not a recording in a supported format: wav, mp3, flac, ogg, opus, m4a, mp4, webm, aac or aiff.',
    );
  }
  if (container === 'wav') return decodeWav(file);
  return decodeWithFfmpeg(await loadFfmpeg(), file, container, maxAudioMs);
}

function* decodeWav(file: RecordingFile): Generator<Float32Array> {
  const reader = new WavReader();
  let resampler: Resampler | undefined;
  for (let position = 0; position < file.size; position += READ_BYTES) {
    const pcm = reader.push(file.readAt(position, READ_BYTES));
    if (reader.format === undefined) continue;
    resampler ??= new Resampler(reader.format.sampleRate, RATE);
    yield resampler.push(pcm);
  }
  reader.end();
  if (resampler !== undefined) yield resampler.flush();
}
