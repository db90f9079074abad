import { SpeechError } from '../../errors.ts';
import type {
  Capabilities,
  Hearing,
  ListenRequest,
  LoadedModel,
  RecognisedSegment,
  SpeakChunk,
  SpeakRequest,
  TranscribeRequest,
  Voice,
} from '../contract.ts';
import { AudioIn, audioFormat } from './audio-in.ts';
import { Remote, type RemoteOptions } from './remote.ts';

export interface RemoteModelOptions {
  server: RemoteOptions;
  capabilities: Capabilities;
  voices: readonly Voice[];
  /** As the server writes them. */
  languages: readonly string[];
  /** What the server calls its recogniser; its own default where left out. */
  remoteModel: string | undefined;
  concurrency: number;
}

const RATE = 16_000;
const FORMAT = { rate: RATE, width: 2, channels: 1 };
/** Far more than anybody says in one utterance. */
const MAX_TEXT_CHARS = 16_384;
const MAX_LANGUAGE_CHARS = 35;
/** 100 ms in one event. */
const CHUNK_SAMPLES = RATE / 10;

/** A model that another Wyoming server runs. Every call has a connection of its own, so nothing is kept between them. */
export class RemoteModel implements LoadedModel {
  readonly capabilities: Capabilities;
  readonly concurrency: number;
  readonly #options: RemoteModelOptions;
  readonly speak?: LoadedModel['speak'];
  readonly transcribe?: LoadedModel['transcribe'];
  readonly listen?: LoadedModel['listen'];

  constructor(options: RemoteModelOptions) {
    this.#options = options;
    this.capabilities = options.capabilities;
    this.concurrency = options.concurrency;
    const { speak, transcribe, listen } = options.capabilities;
    if (speak !== undefined) this.speak = (request, signal) => this.#speak(request, signal);
    if (transcribe !== undefined) this.transcribe = (request, signal) => this.#transcribe(request, signal);
    if (listen !== undefined) this.listen = (request, audio, signal) => this.#listen(request, audio, signal);
  }

  async close(): Promise<void> {}

  async *#speak({ text, voice }: SpeakRequest, signal: AbortSignal): AsyncGenerator<SpeakChunk> {
    const remote = await Remote.open(this.#options.server, signal);
    try {
      const name = this.#options.voices.find(({ id }) => id === voice)?.speaker;
      await remote.send('synthesize', { text, ...(name === undefined ? {} : { voice: { name: String(name) } }) });
      const audio = new AudioIn();
      for (;;) {
        const { type, data, payload } = await remote.next();
        if (type === 'audio-stop') return;
        if (type !== 'audio-chunk') continue;
        const format = formatOf(data);
        const pcm = audio.read(format, payload);
        if (pcm.length > 0) yield { pcm, sampleRate: format.rate };
      }
    } finally {
      remote.close();
    }
  }

  async *#transcribe(request: TranscribeRequest, signal: AbortSignal): AsyncGenerator<RecognisedSegment> {
    for await (const { final, text, endMs, language } of this.#listen(request, [request.pcm], signal)) {
      if (!final || text === '') continue;
      yield { text, startMs: 0, endMs, ...(language === undefined ? {} : { language }) };
    }
  }

  async *#listen(
    { language }: Pick<ListenRequest, 'language'>,
    audio: AsyncIterable<Float32Array> | Iterable<Float32Array>,
    signal: AbortSignal,
  ): AsyncGenerator<Hearing> {
    const remote = await Remote.open(this.#options.server, signal);
    let sentMs = 0;
    let failure: unknown;
    const upload = async (): Promise<void> => {
      for await (const pcm of audio) {
        for (let at = 0; at < pcm.length; at += CHUNK_SAMPLES) {
          const samples = pcm.subarray(at, at + CHUNK_SAMPLES);
          await remote.send('audio-chunk', FORMAT, toBytes(samples));
          sentMs += (samples.length * 1000) / RATE;
        }
      }
      await remote.send('audio-stop');
    };
    try {
      const { remoteModel: name } = this.#options;
      const spoken = language === undefined ? undefined : asKnown(language, this.#options.languages);
      const wish = { ...(name === undefined ? {} : { name }), ...(spoken === undefined ? {} : { language: spoken }) };
      await remote.send('transcribe', wish);
      await remote.send('audio-start', FORMAT);
      // While it is read: a server may answer before it has heard everything.
      upload().catch((error) => {
        failure = error;
        remote.close();
      });
      let text = '';
      for (;;) {
        const { type, data } = await remote.next();
        const heard = typeof data.text === 'string' ? data.text : '';
        if (text.length + heard.length > MAX_TEXT_CHARS) {
          throw new SpeechError('upstream_failed', "The model's Wyoming server told a text that never ends.");
        }
        if (type === 'transcript') {
          yield { text: heard.trim(), final: true, startMs: 0, endMs: sentMs, ...languageIn(data) };
          return;
        }
        if (type !== 'transcript-chunk' || heard === '') continue;
        text += heard;
        yield { text: text.trim(), final: false, startMs: 0, endMs: sentMs };
      }
    } catch (error) {
      throw failure ?? error;
    } finally {
      remote.close();
    }
  }
}

/** A language as the server writes it: many know `de` and give up on `de-AT`. */
function asKnown(language: string, known: readonly string[]): string {
  const plain = (tag: string): string => tag.toLowerCase().split('-', 1)[0]!;
  const exact = known.find((tag) => tag.toLowerCase() === language.toLowerCase());
  return exact ?? known.find((tag) => plain(tag) === plain(language)) ?? language;
}

/** The language that a server found, written as BCP 47 does and without extensions. */
function languageIn({ language }: Readonly<Record<string, unknown>>): { language?: string } {
  if (typeof language !== 'string' || language.length > MAX_LANGUAGE_CHARS) return {};
  try {
    return { language: new Intl.Locale(language.replaceAll('_', '-')).baseName };
  } catch {
    return {};
  }
}

/** As 16-bit samples, little-endian. */
function toBytes(pcm: Float32Array): Buffer {
  const bytes = Buffer.alloc(pcm.length * 2);
  for (const [i, sample] of pcm.entries()) {
    bytes.writeInt16LE(Math.max(-32_768, Math.min(32_767, Math.round(sample * 32_768))) || 0, i * 2);
  }
  return bytes;
}

function formatOf(data: Readonly<Record<string, unknown>>) {
  try {
    return audioFormat(data);
  } catch (error) {
    throw new SpeechError('upstream_failed', "The model's Wyoming server sent audio that cannot be read.", {
      cause: error,
    });
  }
}
