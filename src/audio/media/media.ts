import type { Settings } from '../../config/kinds.ts';
import { abortable } from '../abortable.ts';
import type { AudioChunk, AudioFormat, LiveMedia, RecordingPiece } from '../contract.ts';
import { DecoderPool } from './decoder-pool.ts';
import type { AudioSink } from './encoder.ts';
import { EncoderPool } from './encoder-pool.ts';
import { LiveDecoders } from './live-decoders.ts';
import { pcmSink } from './pcm-sink.ts';

/** The first sound should leave at once; after it, larger slices cost less. */
const FIRST_SLICE_MS = 200;
const SLICE_MS = 1000;
/** A decoder of a live stream that makes no progress for so long never will. */
const STALL_MS = 30_000;
/** After the start, when the server has long answered its first health check. */
const WARM_DELAY_MS = 5000;

export interface MediaOptions {
  limits: Pick<
    Settings['limits'],
    | 'mediaProcesses'
    | 'mediaMemoryBytes'
    | 'mediaQueue'
    | 'encodedStreams'
    | 'liveDecoders'
    | 'liveCompressedBytes'
    | 'liveAheadMs'
  >;
  /** Folders that recordings may lie in. */
  readable: readonly string[];
}

/** Media whose processes can be watched. */
export interface RunningMedia extends LiveMedia {
  /** Process ids of the decoders and encoders that there are. */
  pids(): { decoders: number[]; encoders: number[]; live: number[] };
}

/** Codecs in processes of their own, which start when they are first needed or when the server has nothing to do. */
export function openMedia({ limits, readable }: MediaOptions): RunningMedia {
  const memoryBytes = limits.mediaMemoryBytes;
  const decoders = new DecoderPool({
    memoryBytes,
    readable,
    processes: limits.mediaProcesses,
    waiting: limits.mediaQueue,
  });
  const encoders = new EncoderPool({ memoryBytes, streams: limits.encodedStreams });
  const live = new LiveDecoders({
    memoryBytes,
    streams: limits.liveDecoders,
    waitingBytes: limits.liveCompressedBytes,
    aheadMs: limits.liveAheadMs,
    stallMs: STALL_MS,
  });
  const warmTimer = setTimeout(() => {
    encoders.warm();
    decoders.warm();
  }, WARM_DELAY_MS).unref();

  async function open(chunks: AsyncIterable<AudioChunk>, format: AudioFormat, sampleRate: number): Promise<AudioSink> {
    if (format === 'wav' || format === 'pcm') return pcmSink(format, sampleRate);
    try {
      return await encoders.open(format, sampleRate);
    } catch (thrown) {
      // Whoever makes the audio must not wait for a reader that never comes.
      await chunks[Symbol.asyncIterator]().return?.();
      throw thrown;
    }
  }

  return {
    async *decode(path, decodeOptions): AsyncGenerator<RecordingPiece> {
      const decoder = await decoders.take(decodeOptions.signal);
      const job = decoder.decode(path, decodeOptions);
      // Often long before the last piece has been read.
      void job.finished.then(() => decoders.give(decoder));
      yield* job;
    },

    async *encode(chunks, { format, sampleRate, signal }): AsyncGenerator<Uint8Array> {
      const sink = await open(chunks, format, sampleRate);
      try {
        let sliceMs = FIRST_SLICE_MS;
        for await (const { pcm, sampleRate } of abortable(chunks, signal)) {
          for (let at = 0; at < pcm.length; sliceMs = SLICE_MS) {
            const samples = Math.ceil((sampleRate * sliceMs) / 1000);
            const bytes = await sink.write({ pcm: pcm.subarray(at, at + samples), sampleRate });
            if (bytes.length > 0) yield bytes;
            at += samples;
          }
        }
        const tail = await sink.end();
        if (tail.length > 0) yield tail;
      } finally {
        sink.drop();
      }
    },

    decodeLive: (options) => live.open(options),

    pids: () => ({ decoders: decoders.pids, encoders: encoders.pids, live: live.pids }),

    async close() {
      clearTimeout(warmTimer);
      await Promise.all([decoders.close(), encoders.close(), live.close()]);
    },
  };
}
