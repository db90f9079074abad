import type { ChannelLayout } from 'node-av/lib';
import { SpeechError } from '../../errors.ts';

/** FFmpeg 8 as functions and objects. Calls are the synchronous ones: several times as fast, and nobody else waits. */
export type Ffmpeg = typeof import('node-av/lib') & typeof import('node-av/constants');

/** Mono, as FFmpeg's native channel order writes it: one channel, front centre. */
export const MONO = { order: 1, nbChannels: 1, mask: 4n } as ChannelLayout;

/** The same for two: front left and front right. */
export const STEREO = { order: 1, nbChannels: 2, mask: 3n } as ChannelLayout;

let loading: Promise<Ffmpeg> | undefined;

/** Loads FFmpeg when it is first needed; reading and writing WAV works where it is missing. */
export function loadFfmpeg(): Promise<Ffmpeg> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Ffmpeg> {
  try {
    const [lib, constants] = await Promise.all([import('node-av/lib'), import('node-av/constants')]);
    // It would describe strangers' files on stderr.
    lib.Log.setLevel(constants.AV_LOG_QUIET);
    return { ...constants, ...lib };
  } catch (thrown) {
    throw new SpeechError('unsupported_audio', 'This server can only read and write WAV and PCM: it has no codecs.', {
      detail: String(thrown),
      cause: thrown,
    });
  }
}
