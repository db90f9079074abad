import { abortError } from '../../../errors.ts';
import type { Capabilities, DiarizeRequest, LoadedModel, SoundRequest, SpeakerSpan } from '../../contract.ts';
import { engineFailed } from '../errors.ts';
import type { Native, NativeDiarizer, NativeEmbedder } from '../native.ts';
import { embed } from './embedder.ts';

/** Finds who speaks when. One synchronous call: an abort is noticed before and after it. */
export class SherpaDiarizer implements LoadedModel {
  readonly capabilities: Capabilities;
  readonly concurrency = 1;
  readonly #native: Native;
  readonly #config: Record<string, unknown>;
  readonly #diarizer: NativeDiarizer;
  #embedder: NativeEmbedder | undefined;

  constructor(native: Native, config: Record<string, unknown>, capabilities: Capabilities) {
    this.capabilities = capabilities;
    this.#native = native;
    this.#config = config;
    this.#diarizer = new native.OfflineSpeakerDiarization(config);
  }

  async diarize({ pcm, speakers }: DiarizeRequest, signal: AbortSignal): Promise<{ spans: SpeakerSpan[] }> {
    if (signal.aborted) throw abortError(signal);
    if (pcm.length === 0) return { spans: [] };
    const ms = (seconds: number): number => Math.round(Math.min(pcm.length / 16, Math.max(0, seconds * 1000)));
    try {
      const clustering = { ...(this.#config.clustering as object), numClusters: speakers ?? -1 };
      this.#diarizer.setConfig({ clustering });
      const found = this.#diarizer.process(pcm);
      if (signal.aborted) throw abortError(signal);
      const spans = found.map(({ start, end, speaker }) => ({ startMs: ms(start), endMs: ms(end), speaker }));
      return { spans: spans.filter(({ startMs, endMs }) => startMs < endMs).sort((a, b) => a.startMs - b.startMs) };
    } catch (thrown) {
      throw signal.aborted ? thrown : engineFailed(thrown);
    }
  }

  /** The model that tells voices apart is loaded a second time where somebody asks for its vectors. */
  async embedSpeaker({ pcm }: SoundRequest, signal: AbortSignal): Promise<{ vector: Float32Array }> {
    if (signal.aborted) throw abortError(signal);
    this.#embedder ??= new this.#native.SpeakerEmbeddingExtractor(this.#config.embedding as object);
    return { vector: embed(this.#embedder, pcm) };
  }

  async close(): Promise<void> {}
}
