import { abortError, SpeechError } from '../../errors.ts';
import type { Capabilities, LoadedModel, OpenModel, SpeakChunk, SpeakRequest, Voice } from '../contract.ts';
import type { FamilyConfig } from './config.ts';
import { capabilitiesOf, familyOf } from './config.ts';
import { engineFailed, unavailable } from './errors.ts';
import type { VoiceFamily } from './family.ts';
import type { Native, NativeGeneration, NativeVoice } from './native.ts';

/** What one voice of the model is told with every text. */
type VoiceSettings = Omit<NativeGeneration, 'speed'>;

/** A model that speaks. */
export class SherpaVoice implements LoadedModel {
  readonly capabilities: Capabilities;
  /** Voices in one process wait for each other's native work: more processes make more speech. */
  readonly concurrency = 1;
  readonly #voice: NativeVoice;
  readonly #settings: ReadonlyMap<string, VoiceSettings>;

  private constructor(voice: NativeVoice, model: OpenModel, common: Omit<VoiceSettings, 'sid'>) {
    const family = familyOf(model) as VoiceFamily;
    const speak = { ...capabilitiesOf(model).speak!, sampleRate: voice.sampleRate };
    this.capabilities = { speak };
    this.#voice = voice;
    this.#settings = new Map(
      speak.voices.map((each) => {
        const sid = speakerNumber(each, voice.numSpeakers, model);
        return [each.id, { ...common, ...family.generation?.(model, each), sid }];
      }),
    );
  }

  static async open(native: Native, model: OpenModel, { config }: FamilyConfig): Promise<SherpaVoice> {
    const reference = referenceOf(native, model);
    const voice = await native.OfflineTts.createAsync(config);
    return new SherpaVoice(voice, model, { ...reference, silenceScale: Number(config.silenceScale) });
  }

  /**
   * Yields each sentence when it is finished. The sentences of one request that nobody has taken yet are kept, so the
   * caller bounds the text. The native call cannot be interrupted within a sentence: the iteration ends only when it
   * has really stopped, so that a slot that looks free is free.
   */
  async *speak(request: SpeakRequest, signal: AbortSignal): AsyncIterable<SpeakChunk> {
    const settings = this.#settings.get(request.voice);
    if (settings === undefined) {
      throw new SpeechError('voice_not_found', `There is no voice ${request.voice}.`, { param: 'voice' });
    }
    if (signal.aborted) throw abortError(signal);
    for await (const pcm of this.#generate(request, settings, signal)) {
      if (signal.aborted) break;
      yield { pcm, sampleRate: this.#voice.sampleRate };
    }
    if (signal.aborted) throw abortError(signal);
  }

  #generate({ text, speed }: SpeakRequest, settings: VoiceSettings, signal: AbortSignal): ReadableStream<Float32Array> {
    let left = false;
    let generation: Promise<void>;
    return new ReadableStream<Float32Array>({
      start: (sentences) => {
        const onProgress = ({ samples }: { samples: Float32Array }) => {
          if (left || signal.aborted) return 0;
          sentences.enqueue(samples);
          return 1;
        };
        const generationConfig = { ...settings, speed };
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

/**
 * The recording that a model imitates. Throws `model_unavailable` where its words are missing and needed, or sherpa-onnx
 * cannot read it: it would take the lack of either for a text without sound.
 */
function referenceOf(native: Native, model: OpenModel): Partial<VoiceSettings> {
  const { imitates } = familyOf(model) as VoiceFamily;
  if (imitates === undefined) return {};
  const { referenceText } = model.options;
  const wanted = imitates === 'transcribed recording';
  if (wanted && (typeof referenceText !== 'string' || referenceText.trim() === '')) {
    throw unavailable(model, 'its manifest does not say the words of its reference recording (referenceText)');
  }
  const { samples, sampleRate } = native.readWave(model.assets.reference!, false);
  if (samples.length === 0) throw unavailable(model, 'its reference recording is empty');
  const words = wanted ? { referenceText: String(referenceText) } : {};
  return { referenceAudio: samples, referenceSampleRate: sampleRate, ...words };
}
