import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AUDIO_FORMATS, type AudioChunk, type AudioFormat, type Media } from '../../audio/contract.ts';
import type { SpeechService } from '../../speech/service.ts';
import { outputRate } from '../../speech/speak.ts';
import { duration, size } from '../terminal/output.ts';
import type { Finding } from './report.ts';

/** What encoders add at both ends stays below this, in ms. */
const TOLERANCE_MS = 150;

export const fileOf = (folder: string, format: AudioFormat): string => join(folder, `speech.${format}`);

/** Writes the audio in every format and reads it back; its length has to stay the same. The files stay in `folder`. */
export async function* checkFormats(
  service: SpeechService,
  audio: AudioChunk,
  folder: string,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  for (const format of AUDIO_FORMATS) yield await checkFormat(service, format, audio, folder, signal);
}

async function checkFormat(
  { media, settings }: SpeechService,
  format: AudioFormat,
  audio: AudioChunk,
  folder: string,
  signal: AbortSignal,
): Promise<Finding> {
  const common = { area: 'format', name: format } as const;
  const startedAt = performance.now();
  try {
    const bytes = await encoded(media, format, audio, signal);
    const path = fileOf(folder, format);
    await writeFile(path, bytes);
    const wanted = (audio.pcm.length / audio.sampleRate) * 1000;
    // Bare samples say nothing about themselves, so nobody can send them in.
    const length =
      format === 'pcm'
        ? (bytes.length / 2 / outputRate(format, audio.sampleRate)) * 1000
        : await decodedMs(media, path, settings.limits, signal);
    const ms = performance.now() - startedAt;
    const differs = Math.abs(length - wanted) > TOLERANCE_MS;
    if (differs) {
      return { ...common, state: 'failed', says: `${duration(wanted)} came back as ${duration(length)}`, ms };
    }
    return {
      ...common,
      state: 'ok',
      says: `${format === 'pcm' ? 'written' : 'written and read'}, ${size(bytes.length)}`,
      ms,
    };
  } catch (error) {
    signal.throwIfAborted();
    return { ...common, state: 'failed', says: (error as Error).message };
  }
}

async function encoded(media: Media, format: AudioFormat, audio: AudioChunk, signal: AbortSignal): Promise<Buffer> {
  const once = async function* (): AsyncGenerator<AudioChunk> {
    yield audio;
  };
  const chunks: Uint8Array[] = [];
  const options = { format, sampleRate: outputRate(format, audio.sampleRate), signal };
  for await (const chunk of media.encode(once(), options)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function decodedMs(
  media: Media,
  path: string,
  limits: SpeechService['settings']['limits'],
  signal: AbortSignal,
): Promise<number> {
  const bounds = { maxPieceMs: limits.pieceMs, maxAudioMs: limits.recordingMs, timeoutMs: limits.decodeTimeoutMs };
  let endMs = 0;
  for await (const piece of media.decode(path, { ...bounds, signal })) endMs = piece.endMs;
  return endMs;
}
