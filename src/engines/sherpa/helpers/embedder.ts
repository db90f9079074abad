import { abortError, SpeechError } from '../../../errors.ts';
import type { Capabilities, LoadedModel, SoundRequest } from '../../contract.ts';
import { HEARING_RATE } from '../config.ts';
import { engineFailed } from '../errors.ts';
import type { Native, NativeEmbedder } from '../native.ts';

/** Puts voices into numbers. */
export class SherpaEmbedder implements LoadedModel {
  readonly capabilities: Capabilities;
  readonly concurrency = 1;
  readonly #native: NativeEmbedder;

  constructor(native: Native, config: object, capabilities: Capabilities) {
    this.capabilities = capabilities;
    this.#native = new native.SpeakerEmbeddingExtractor(config);
  }

  async embedSpeaker({ pcm }: SoundRequest, signal: AbortSignal): Promise<{ vector: Float32Array }> {
    if (signal.aborted) throw abortError(signal);
    return { vector: embed(this.#native, pcm) };
  }

  async close(): Promise<void> {}
}

/** The vector of a voice. Throws `invalid_audio` where the recording is too short for one. */
export function embed(native: NativeEmbedder, samples: Float32Array): Float32Array {
  try {
    const stream = native.createStream();
    stream.acceptWaveform({ samples, sampleRate: HEARING_RATE });
    stream.inputFinished();
    if (native.isReady(stream)) return native.compute(stream, false);
  } catch (thrown) {
    throw engineFailed(thrown);
  }
  throw new SpeechError('invalid_audio', 'The recording is too short to know a voice by it.');
}
