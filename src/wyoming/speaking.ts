import { toS16le } from '../audio/pcm.ts';
import { wavHeader } from '../audio/wav.ts';
import { SpeechError } from '../errors.ts';
import type { LiveCaller, Speaking } from '../live/contract.ts';
import { openSpeaking } from '../live/speaking.ts';
import { type SpeakDeps, speak } from '../speech/speak.ts';
import { AudioOut } from './audio-out.ts';
import { chooseVoice, type Models } from './choice.ts';
import { type Fields, optionalFields, optionalLanguage, optionalName, optionalText } from './fields.ts';
import type { Wire } from './wire.ts';

export type VoiceDeps = SpeakDeps & Models;

/** Requests of a client whose turn comes later; what lies behind them is not read before one is done. */
const MAX_WAITING = 32;

/** What a client says about how to speak. */
interface Manner {
  ssml: boolean;
  voice: string | undefined;
  language: string | undefined;
}

/** Text that comes piece by piece. */
interface Stream {
  manner: Manner;
  /** Speaks what has come while more comes; SSML can be read only as a whole, so its text is kept. */
  speaking: Speaking | undefined;
  text: string;
  /** The client has sent everything. */
  stopped: PromiseWithResolvers<void>;
  /** It was told of: no more of its text is wanted. */
  failed: boolean;
  /** A later stream took its place, and nobody waits for its end. */
  forgotten: boolean;
}

/** Speech on one connection: one thing after the other, in the order in which it was asked for. */
export class SpeakingJobs {
  readonly #deps: VoiceDeps;
  readonly #wire: Wire;
  readonly #caller: LiveCaller;
  #last: Promise<void> = Promise.resolve();
  #running = 0;
  #done = Promise.withResolvers<void>();
  #waitingChars = 0;
  #stream: Stream | undefined;

  constructor(deps: VoiceDeps, wire: Wire, caller: LiveCaller) {
    this.#deps = deps;
    this.#wire = wire;
    this.#caller = caller;
  }

  /** Whether there is something to be said that does not depend on what the client sends. */
  get busy(): boolean {
    return this.#running > (this.#stream === undefined ? 0 : 1);
  }

  /** Whether the client is in the middle of something. */
  get begun(): boolean {
    return this.#running > 0;
  }

  /** `synthesize`. Inside a stream it repeats the stream's text for servers that know no streams. */
  async synthesize(data: Fields): Promise<void> {
    if (this.#stream !== undefined) return;
    await this.#room();
    const text = optionalText(data, 'text') ?? '';
    const manner = mannerOf(data);
    this.#waitFor(text);
    this.#run(async () => {
      this.#waitingChars -= text.length;
      await this.#speakWhole(text, manner);
    });
  }

  /** `synthesize-start`. One that was not stopped is forgotten. */
  async streamStart(data: Fields): Promise<void> {
    this.#forgetStream();
    await this.#room();
    // Its end would never be told.
    if (this.#caller.signal.aborted) return;
    const stream: Stream = {
      manner: { ssml: false, voice: undefined, language: undefined },
      ...{ speaking: undefined, text: '', stopped: Promise.withResolvers<void>(), failed: false, forgotten: false },
    };
    // From here on the client waits for `synthesize-stopped`, whatever is wrong with what it asks for.
    this.#stream = stream;
    this.#run(() => this.#speakStream(stream));
    try {
      stream.manner = mannerOf(data);
      if (!stream.manner.ssml) this.#open(stream);
    } catch (error) {
      stream.failed = true;
      throw error;
    }
  }

  /** `synthesize-chunk`: text that may be cut anywhere. */
  streamText(data: Fields): void {
    const stream = this.#stream;
    if (stream === undefined) {
      throw new SpeechError('invalid_request', 'synthesize-chunk belongs behind synthesize-start.');
    }
    if (stream.failed) return;
    try {
      this.#append(stream, optionalText(data, 'text') ?? '');
    } catch (error) {
      // Speech with a hole in it is worse than none.
      stream.failed = true;
      stream.speaking?.clear();
      stream.speaking?.end();
      throw error;
    }
  }

  /** `synthesize-stop`. Always answered, also where there was nothing to stop. */
  async streamStop(): Promise<void> {
    const stream = this.#stream;
    if (stream === undefined) {
      await this.#room();
      this.#run(() => this.#wire.send('synthesize-stopped'));
      return;
    }
    this.#stream = undefined;
    stream.speaking?.end();
    stream.stopped.resolve();
  }

  close(): void {
    this.#forgetStream();
  }

  #forgetStream(): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    this.#stream = undefined;
    stream.forgotten = true;
    stream.speaking?.clear();
    stream.speaking?.end();
    stream.stopped.resolve();
  }

  #append(stream: Stream, text: string): void {
    if (stream.speaking !== undefined) {
      stream.speaking.append(text);
      return;
    }
    const limit = this.#deps.settings.limits.liveTextChars;
    if (stream.text.length + text.length > limit) {
      throw new SpeechError('text_too_long', `At most ${limit} characters can wait to be spoken.`, { param: 'text' });
    }
    stream.text += text;
  }

  #open(stream: Stream): void {
    const { model, voice } = chooseVoice(this.#deps, stream.manner.voice, stream.manner.language);
    stream.speaking = openSpeaking(
      this.#deps,
      { model: model.manifest.id, voice, speed: 1, sampleRate: model.capabilities.speak!.sampleRate },
      this.#caller,
    );
  }

  #waitFor(text: string): void {
    const limit = this.#deps.settings.limits.liveTextChars;
    if (this.#waitingChars + text.length > limit) {
      throw new SpeechError('text_too_long', `At most ${limit} characters can wait to be spoken.`, { param: 'text' });
    }
    this.#waitingChars += text.length;
  }

  /** None of those that wait for their turn waits for the client, so this ends. */
  async #room(): Promise<void> {
    while (this.#running >= MAX_WAITING) {
      this.#done = Promise.withResolvers();
      await this.#done.promise;
    }
  }

  #run(job: () => Promise<void>): void {
    this.#running++;
    this.#last = this.#last
      .then(job)
      .catch((error) => {
        if (!this.#caller.signal.aborted) this.#wire.fail(SpeechError.from(error));
      })
      .finally(() => {
        this.#running--;
        this.#done.resolve();
      });
  }

  async #speakWhole(text: string, { ssml, voice, language }: Manner): Promise<void> {
    const chosen = chooseVoice(this.#deps, voice, language);
    const speech = await speak(
      this.#deps,
      {
        ...{ input: text, inputFormat: ssml ? 'ssml' : 'text', model: chosen.model, voice: chosen.voice, speed: 1 },
        format: 'wav',
      },
      this.#caller,
    );
    const out = new AudioOut(this.#wire, speech.sampleRate);
    let skip = wavHeader(speech.sampleRate).length;
    for await (const bytes of speech.bytes) {
      const samples = bytes.subarray(Math.min(skip, bytes.length));
      skip -= bytes.length - samples.length;
      await out.samples(samples);
      if (this.#caller.signal.aborted) return;
    }
    // Where nothing could be heard, the client waits for the end of it all the same.
    await out.begin();
    await out.end();
  }

  async #speakStream(stream: Stream): Promise<void> {
    try {
      if (stream.speaking !== undefined) await this.#speakPieces(stream.speaking);
      await stream.stopped.promise;
      const { ssml } = stream.manner;
      if (ssml && !stream.failed && !stream.forgotten && stream.text.trim() !== '') {
        await this.#speakWhole(stream.text, stream.manner);
      }
    } catch (error) {
      if (stream.forgotten || this.#caller.signal.aborted) return;
      stream.failed = true;
      this.#wire.fail(SpeechError.from(error));
    }
    await stream.stopped.promise;
    if (!stream.forgotten) await this.#wire.send('synthesize-stopped');
  }

  async #speakPieces(speaking: Speaking): Promise<void> {
    let out: AudioOut | undefined;
    for await (const event of speaking) {
      if (event.type === 'flushed') continue;
      out ??= new AudioOut(this.#wire, this.#rateOf(speaking));
      if (event.type === 'sentence') await out.end();
      else await out.samples(toS16le(event.pcm));
      if (this.#caller.signal.aborted) return;
    }
    await out?.end();
  }

  #rateOf(speaking: Speaking): number {
    return this.#deps.names.model('tts', speaking.model).capabilities.speak!.sampleRate;
  }
}

function mannerOf(data: Fields): Manner {
  const format = optionalText(data, 'text_format') ?? 'text';
  if (format !== 'text' && format !== 'ssml') {
    throw new SpeechError('unsupported_value', 'text_format is text or ssml.', { param: 'text_format' });
  }
  const voice = optionalFields(data, 'voice');
  if (optionalName(voice, 'speaker') !== undefined) {
    throw new SpeechError('unsupported_value', 'Each voice here is a speaker of its own.', { param: 'speaker' });
  }
  return { ssml: format === 'ssml', voice: optionalName(voice, 'name'), language: optionalLanguage(voice) };
}
