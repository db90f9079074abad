import { abortError, SpeechError } from '../../errors.ts';
import type { Capabilities, LoadedModel, OpenModel, SpeakChunk, SpeakRequest, Voice } from '../contract.ts';
import type { FamilyConfig } from './config.ts';
import { capabilitiesOf } from './config.ts';
import { engineFailed, unavailable } from './errors.ts';
import type { Native, NativeVoice } from './native.ts';

/** A model that speaks. */
export class SherpaVoice implements LoadedModel {
  readonly capabilities: Capabilities;
  /** Voices in one process wait for each other's native work: more processes make more speech. */
  readonly concurrency = 1;
  readonly #voice: NativeVoice;
  readonly #silenceScale: number;
  readonly #speakers: ReadonlyMap<string, number>;

  private constructor(voice: NativeVoice, model: OpenModel, silenceScale: number) {
    const speak = { ...capabilitiesOf(model).speak!, sampleRate: voice.sampleRate };
    this.capabilities = { speak };
    this.#voice = voice;
    this.#silenceScale = silenceScale;
    this.#speakers = new Map(speak.voices.map((each) => [each.id, speakerNumber(each, voice.numSpeakers, model)]));
  }

  static async open(native: Native, model: OpenModel, { config }: FamilyConfig): Promise<SherpaVoice> {
    const voice = await native.OfflineTts.createAsync(config);
    return new SherpaVoice(voice, model, Number(config.silenceScale));
  }

  /**
   * Yields each sentence when it is finished. The sentences of one request that nobody has taken yet are kept, so the
   * caller bounds the text. The native call cannot be interrupted within a sentence: the iteration ends only when it
   * has really stopped, so that a slot that looks free is free.
   */
  async *speak(request: SpeakRequest, signal: AbortSignal): AsyncIterable<SpeakChunk> {
    const sid = this.#speakers.get(request.voice);
    if (sid === undefined) {
      throw new SpeechError('voice_not_found', `There is no voice ${request.voice}.`, { param: 'voice' });
    }
    if (signal.aborted) throw abortError(signal);
    for await (const pcm of this.#generate(request, sid, signal)) {
      if (signal.aborted) break;
      yield { pcm, sampleRate: this.#voice.sampleRate };
    }
    if (signal.aborted) throw abortError(signal);
  }

  #generate({ text, speed }: SpeakRequest, sid: number, signal: AbortSignal): ReadableStream<Float32Array> {
    let left = false;
    let generation: Promise<void>;
    return new ReadableStream<Float32Array>({
      start: (sentences) => {
        const onProgress = ({ samples }: { samples: Float32Array }) => {
          if (left || signal.aborted) return 0;
          sentences.enqueue(samples);
          return 1;
        };
        const generationConfig = { sid, speed, silenceScale: this.#silenceScale };
        generation = this.#voice.generateAsync({ text, generationConfig, onProgress }).then(
          () => {
            if (!left) sentences.close();
          },
          (thrown: unknown) => {
            if (left) return;
            if (isNothingToSay(thrown)) sentences.close();
            else sentences.error(engineFailed(thrown));
          },
        );
      },
      cancel: () => {
        left = true;
        return generation;
      },
    });
  }

  async close(): Promise<void> {}
}

/** sherpa-onnx rejects text without a single sound, such as an emoji alone. Such text is silence, not a failure. */
const isNothingToSay = (thrown: unknown): boolean => thrown instanceof Error && /no audio/.test(thrown.message);

/** The model's number for a voice. sherpa-onnx would quietly speak with speaker 0 for a number it does not have. */
function speakerNumber(voice: Voice, speakers: number, model: OpenModel): number {
  const number = Number(voice.speaker ?? 0);
  if (Number.isInteger(number) && number >= 0 && number < Math.max(1, speakers)) return number;
  throw unavailable(model, `its voice ${voice.id} is speaker ${voice.speaker}, and it has ${speakers} speakers`);
}
