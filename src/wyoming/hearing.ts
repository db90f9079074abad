import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { AudioIn, audioFormat } from '../engines/wyoming/audio-in.ts';
import { SpeechError } from '../errors.ts';
import type { Listening, ListeningEvent, LiveCaller, Turns } from '../live/contract.ts';
import { type ListeningDeps, openListening } from '../live/listening.ts';
import { joinText } from '../speech/transcript-formats.ts';
import { chooseRecogniser, type Models } from './choice.ts';
import { type Fields, optionalLanguage, optionalName, optionalText } from './fields.ts';
import type { Wire } from './wire.ts';

export type HearingDeps = ListeningDeps & Models;

/** Silence that ends speech, by `vad_sensitivity`, in ms: what Home Assistant itself waits. */
const SILENCE_MS: Readonly<Record<string, number>> = { aggressive: 250, default: 700, relaxed: 1250 };
const PREFIX_MS = 300;
/** Audio that is read before others get their turn. */
const PIECE_BYTES = 64 * 1024;
/** Audio handed on at once, in ms. */
const SLICE_MS = 1000;
/** How often a client that sends faster than can be heard is looked at again, in ms. */
const LOOK_MS = 20;

interface Wish {
  name?: string | undefined;
  language?: string | undefined;
  silenceMs: number;
}

const NO_WISH: Wish = { silenceMs: SILENCE_MS.default! };

/**
 * Where a connection stands: nothing begun; audio is awaited or comes; it has ended and its text is awaited; the answer
 * was given before the audio ended, so what still comes of it is dropped; `transcribe` was refused, so its audio is
 * dropped from its `audio-start` on, which clients send without waiting.
 */
type Phase = 'idle' | 'hearing' | 'finishing' | 'answered' | 'refused';

/** Transcription on one connection. Its methods are called one after the other, as events come. */
export class Hearing {
  readonly #deps: HearingDeps;
  readonly #wire: Wire;
  readonly #caller: LiveCaller;
  #wish: Wish = NO_WISH;
  #phase: Phase = 'idle';
  #listening: Listening | undefined;
  #audio = new AudioIn();
  #finished: Promise<void> = Promise.resolve();
  /** Texts of utterances that are over, and what was told of all of them together. */
  #texts: { text: string }[] = [];
  #told: string | undefined;
  #language: string | undefined;

  constructor(deps: HearingDeps, wire: Wire, caller: LiveCaller) {
    this.#deps = deps;
    this.#wire = wire;
    this.#caller = caller;
  }

  /** Whether the client is owed an answer that does not depend on what it sends. */
  get busy(): boolean {
    return this.#phase === 'finishing';
  }

  /** Whether the client is in the middle of something. */
  get begun(): boolean {
    return this.#phase === 'hearing' || this.#phase === 'finishing';
  }

  /** `transcribe`: what the audio that follows is to be heard with. */
  async transcribe(data: Fields): Promise<void> {
    await this.#reset();
    this.#phase = 'refused';
    const sensitivity = optionalText(data, 'vad_sensitivity') ?? 'default';
    if (!Object.hasOwn(SILENCE_MS, sensitivity)) {
      throw new SpeechError('unsupported_value', 'vad_sensitivity is default, relaxed or aggressive.', {
        param: 'vad_sensitivity',
      });
    }
    this.#wish = {
      name: optionalName(data, 'name'),
      language: optionalLanguage(data),
      silenceMs: SILENCE_MS[sensitivity]!,
    };
    await this.#begin();
  }

  /** `audio-start`: audio follows. Right behind `transcribe` it says nothing new. */
  async start(): Promise<void> {
    if (this.#phase === 'hearing' && this.#listening?.audioMs === 0) return;
    const refused = this.#phase === 'refused';
    await this.#reset();
    // Whoever is told that it failed sends the rest of its audio for nothing.
    this.#phase = 'answered';
    if (!refused) await this.#begin();
  }

  /** `audio-chunk`. What the chunk says of its format counts, whatever was said before. */
  async chunk(data: Fields, payload: Buffer): Promise<void> {
    if (this.#phase === 'answered' || this.#phase === 'refused') return;
    if (this.#phase !== 'hearing') await this.start();
    try {
      const format = audioFormat(data);
      for (let from = 0; from < payload.length; from += PIECE_BYTES) {
        if (from > 0) await nextTurn();
        const pcm = this.#audio.read(format, payload.subarray(from, from + PIECE_BYTES));
        const sliceSamples = Math.ceil((format.rate * SLICE_MS) / 1000);
        for (let at = 0; at < pcm.length; at += sliceSamples) {
          await this.#room();
          // It may have been answered, or have failed, meanwhile.
          if (this.#listening === undefined) return;
          this.#listening.push({ pcm: pcm.slice(at, at + sliceSamples), sampleRate: format.rate });
        }
      }
    } catch (error) {
      this.#fail(SpeechError.from(error));
    }
  }

  /** `audio-stop`: the client waits for the text. Audio that never came has an empty one. */
  async stop(): Promise<void> {
    if (this.#phase === 'answered' || this.#phase === 'refused') {
      this.#phase = 'idle';
      return;
    }
    if (this.#phase !== 'hearing') await this.#reset();
    const listening = this.#listening;
    this.#phase = 'finishing';
    this.#finished = (async () => {
      await listening?.finish();
      if (this.#phase === 'finishing' && !this.#caller.signal.aborted) this.#answer();
      this.#phase = 'idle';
    })();
  }

  close(): void {
    this.#listening?.close();
    this.#listening = undefined;
  }

  /** What has begun and was not ended is forgotten; what has ended gets its answer first. */
  async #reset(): Promise<void> {
    await this.#finished;
    this.close();
    this.#phase = 'idle';
    this.#audio = new AudioIn();
    this.#texts = [];
    this.#told = undefined;
    this.#language = undefined;
  }

  async #begin(): Promise<void> {
    const { wyomingEndpointing, wyomingPartials, streamVadThreshold } = this.#deps.settings;
    const { name, language, silenceMs } = this.#wish;
    this.#wish = NO_WISH;
    this.#language = language;
    const turns: Turns = wyomingEndpointing
      ? { kind: 'voice', threshold: streamVadThreshold, prefixMs: PREFIX_MS, silenceMs }
      : { kind: 'manual' };
    const model = chooseRecogniser(this.#deps, name, language);
    const partials = wyomingPartials || model.capabilities.listen !== undefined;
    this.#listening = await openListening(
      this.#deps,
      {
        ...{ model: model.manifest.id, words: false, partials, turns },
        ...(language === undefined ? {} : { language }),
      },
      this.#caller,
      (event) => this.#hear(event),
    );
    this.#phase = 'hearing';
  }

  /** Waits until what has come is worked through so far that more can be taken. */
  async #room(): Promise<void> {
    const boundMs = this.#deps.settings.limits.liveBacklogMs / 2 - SLICE_MS;
    while (this.#listening !== undefined && this.#listening.backlogMs > boundMs) await sleep(LOOK_MS);
  }

  #hear(event: ListeningEvent): void {
    switch (event.type) {
      case 'speech-started':
        void this.#wire.send('voice-started', { timestamp: Math.round(event.atMs) });
        return;
      case 'speech-stopped':
        void this.#wire.send('voice-stopped', { timestamp: Math.round(event.atMs) });
        return;
      case 'partial':
        this.#tell(joinText([...this.#texts, { text: event.text.slice(0, event.confirmed) }]));
        return;
      case 'final':
        this.#texts.push({ text: event.text });
        this.#language = event.language ?? this.#language;
        this.#tell(joinText(this.#texts));
        // A cough is no command.
        if (this.#phase === 'hearing' && this.#deps.settings.wyomingEndpointing && !event.continues)
          this.#answerEarly();
        return;
      case 'failed':
        this.#fail(event.error);
        return;
      case 'idle':
    }
  }

  /** Tells text as it grows. What was told cannot be taken back: where the end is different, `transcript` alone says so. */
  #tell(text: string): void {
    const told = this.#told ?? '';
    if (text.length <= told.length || !text.startsWith(told)) return;
    this.#startTelling();
    void this.#wire.send('transcript-chunk', { text: text.slice(told.length) });
    this.#told = text;
  }

  #startTelling(): void {
    if (this.#told !== undefined) return;
    this.#told = '';
    const language = this.#language;
    void this.#wire.send('transcript-start', language === undefined ? {} : { language });
  }

  #answerEarly(): void {
    if (joinText(this.#texts) === '') return;
    this.#phase = 'answered';
    this.#answer();
    this.close();
  }

  #answer(): void {
    const text = joinText(this.#texts);
    const language = this.#language;
    this.#startTelling();
    void this.#wire.send('transcript', { text, ...(language === undefined ? {} : { language }) });
    void this.#wire.send('transcript-stop');
  }

  #fail(error: SpeechError): void {
    if (this.#phase === 'answered' || this.#phase === 'idle') return;
    // While it was being finished, the client has said all it had to say.
    this.#phase = this.#phase === 'finishing' ? 'idle' : 'answered';
    this.close();
    this.#wire.fail(error);
  }
}
