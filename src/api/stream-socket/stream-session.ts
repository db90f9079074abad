import { SampleReader } from '../../audio/sample-reader.ts';
import type { Settings } from '../../config/kinds.ts';
import { SpeechError } from '../../errors.ts';
import type { Listening, ListeningEvent } from '../../live/contract.ts';
import { HEARING_RATE } from '../../live/intake.ts';
import { CLOSE } from '../sockets/close-codes.ts';
import { HoldBack } from '../sockets/hold-back.ts';
import type { SocketHandlers, SocketSession } from '../sockets/session.ts';
import { readChange, type StreamParameters } from './parameters.ts';

/** Why a session ends, by the code that its socket is closed with. */
const REASONS: Readonly<Record<number, string>> = {
  [CLOSE.goingAway]: 'server_shutdown',
  [CLOSE.keyEnded]: 'key_ended',
  [CLOSE.idle]: 'idle_timeout',
  [CLOSE.lifetime]: 'session_limit',
};

type Out = Pick<SocketSession, 'send' | 'sendError' | 'close' | 'hold' | 'release'>;
type Final = Extract<ListeningEvent, { type: 'final' }>;
type Partial = Extract<ListeningEvent, { type: 'partial' }>;

/** Open Speech's own live protocol over a session that hears: bytes and control messages in, events out. */
export class StreamSession implements SocketHandlers {
  readonly #parameters: StreamParameters;
  readonly #settings: Settings;
  readonly #reader: SampleReader;
  #listening: Listening | undefined;
  #out: Out | undefined;
  #interimResults: boolean;
  #sessionId = '';
  /** Characters of an utterance that the client was told will stay. */
  #confirmed = { utterance: 0, chars: 0 };
  /** Utterances whose end is told behind their transcript. */
  readonly #stopped = new Map<number, number>();
  #transcriptions = 0;
  #errors = 0;
  #ending = false;
  /** Set once the end was asked for: settles behind the last event. */
  #finished: Promise<void> | undefined;
  #holdBack: HoldBack | undefined;

  constructor(parameters: StreamParameters, settings: Settings) {
    this.#parameters = parameters;
    this.#settings = settings;
    this.#reader = new SampleReader(parameters.encoding);
    this.#interimResults = parameters.interimResults;
  }

  /** The socket is open, and `listening` tells `hear` what it hears. */
  begin(out: Out, listening: Listening, sessionId: string): void {
    this.#out = out;
    this.#listening = listening;
    this.#sessionId = sessionId;
    const { sampleRate, encoding, listening: options } = this.#parameters;
    this.#holdBack = new HoldBack(
      out,
      () => listening.backlogMs,
      this.#settings.limits.liveBacklogMs,
      () => options.turns.kind === 'voice' && listening.openMs > 0,
    );
    this.#send({
      type: 'session.begin',
      session_id: sessionId,
      model: listening.model,
      sample_rate: sampleRate,
      internal_sample_rate: HEARING_RATE,
      encoding,
      vad_enabled: options.turns.kind === 'voice',
    });
  }

  binary(bytes: Buffer): void {
    if (this.#ending) return;
    this.#try(() => {
      const pcm = this.#reader.read(bytes);
      if (pcm.length > 0) this.#listening!.push({ pcm, sampleRate: this.#parameters.sampleRate });
    });
    this.#holdBack!.check();
  }

  text(text: string): void {
    if (this.#ending) return;
    this.#try(() => this.#control(messageOf(text)));
  }

  /** The server shuts down: what was heard so far is told whole. */
  goodbye(): Promise<void> {
    return this.#finish('server_shutdown', CLOSE.goingAway);
  }

  ending(code: number): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#sendEnd(REASONS[code] ?? 'error');
  }

  closed(): void {
    this.#holdBack?.stop();
    this.#ending = true;
    this.#listening?.close();
  }

  hear(event: ListeningEvent): void {
    switch (event.type) {
      case 'speech-started':
        this.#send({ type: 'vad', state: 'speech_start', utterance: event.utterance, at: seconds(event.atMs) });
        break;
      case 'speech-stopped':
        this.#stopped.set(event.utterance, event.atMs);
        break;
      case 'partial':
        this.#tellPartial(event);
        break;
      case 'final':
        this.#tellFinal(event);
        this.#tellStop(event.utterance);
        break;
      case 'failed':
        this.#tellError(event.error);
        this.#tellStop(event.utterance);
        break;
      case 'idle':
        break;
    }
  }

  #control(message: Record<string, unknown>): void {
    switch (message.type) {
      case 'stop':
        void this.#finish('client_stop', CLOSE.done);
        break;
      case 'finalize':
        this.#listening!.commit();
        break;
      case 'keep_alive':
        break;
      case 'config': {
        const { interimResults, listening } = readChange(message, this.#settings);
        if (listening.turns !== undefined && this.#parameters.listening.turns.kind === 'manual') {
          throw new SpeechError('invalid_request', "'endpointing' means nothing with vad=false.", {
            param: 'endpointing',
          });
        }
        this.#listening!.change(listening);
        this.#interimResults = interimResults ?? this.#interimResults;
        break;
      }
      default:
        throw new SpeechError(
          'invalid_request',
          "'type' must be 'stop', 'finalize', 'keep_alive' or 'config'; audio is sent as binary.",
          { param: 'type' },
        );
    }
  }

  #finish(reason: string, code: number): Promise<void> {
    this.#finished ??= this.#tellRest(reason, code);
    return this.#finished;
  }

  async #tellRest(reason: string, code: number): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    if (this.#reader.restBytes > 0) {
      this.#tellError(new SpeechError('invalid_audio', 'The audio ended in the middle of a sample.'));
    }
    await this.#listening!.finish();
    this.#sendEnd(reason);
    this.#out!.close(code, reason === 'server_shutdown' ? 'The server is shutting down.' : '');
  }

  /** What was confirmed since the last time will stay; the rest may still change. */
  #tellPartial(heard: Partial): void {
    const { utterance, text, confirmed } = heard;
    const before = this.#confirmed.utterance === utterance ? this.#confirmed.chars : 0;
    if (confirmed > before) {
      this.#confirmed = { utterance, chars: confirmed };
      this.#tellText({ ...heard, text: text.slice(0, confirmed).trimEnd(), words: undefined }, true);
    }
    if (this.#interimResults && text.length > confirmed) this.#tellText(heard, false);
  }

  #tellText(heard: Omit<Partial, 'words'> & { words?: Partial['words'] | undefined }, isFinal: boolean): void {
    const { utterance, text, startMs, endMs, words } = heard;
    this.#send({
      type: 'transcript',
      is_final: isFinal,
      speech_final: false,
      utterance,
      text,
      start: seconds(startMs),
      end: seconds(endMs),
      confidence: null,
      ...wordsOf(words),
    });
  }

  #tellFinal({ utterance, text, startMs, endMs, words, confidence, language, alternatives, continues }: Final): void {
    if (text === '') return;
    this.#transcriptions++;
    this.#send({
      type: 'transcript',
      is_final: true,
      speech_final: true,
      utterance,
      text,
      start: seconds(startMs),
      end: seconds(endMs),
      confidence: confidence ?? null,
      ...(language === undefined ? {} : { language }),
      ...(alternatives === undefined ? {} : { alternatives }),
      ...(continues ? { continues } : {}),
      ...wordsOf(words),
    });
  }

  #tellStop(utterance: number): void {
    const atMs = this.#stopped.get(utterance);
    if (atMs === undefined) return;
    this.#stopped.delete(utterance);
    this.#send({ type: 'vad', state: 'speech_end', utterance, at: seconds(atMs) });
  }

  #tellError({ code, message, param }: SpeechError): void {
    this.#errors++;
    this.#out?.sendError({ type: 'error', code, message, param }, code);
  }

  #sendEnd(reason: string): void {
    this.#send({
      type: 'session.end',
      session_id: this.#sessionId,
      reason,
      transcriptions: this.#transcriptions,
      errors: this.#errors,
      audio_seconds: seconds(this.#listening!.audioMs),
    });
  }

  #send(event: object): void {
    this.#out?.send(event);
  }

  /** A client's mistake is told and ends nothing; a defect of ours ends the socket. */
  #try(work: () => void): void {
    try {
      work();
    } catch (thrown) {
      if (!(thrown instanceof SpeechError)) throw thrown;
      this.#tellError(thrown);
    }
  }
}

/** Far more than any message takes: what is longer costs time to read, and means nothing. */
const MAX_MESSAGE_CHARS = 65_536;

function messageOf(text: string): Record<string, unknown> {
  if (text.length > MAX_MESSAGE_CHARS) {
    throw new SpeechError('invalid_request', `A text message has at most ${MAX_MESSAGE_CHARS} characters.`);
  }
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    throw new SpeechError('invalid_json', 'A text message must be JSON; audio is sent as binary.');
  }
  if (typeof message === 'object' && message !== null && !Array.isArray(message)) {
    return message as Record<string, unknown>;
  }
  throw new SpeechError('invalid_request', 'A text message must be a JSON object with a type.');
}

/** To the millisecond. */
function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}

function wordsOf(words: Partial['words'] | undefined): object {
  if (words === undefined) return {};
  return {
    words: words.map(({ word, startMs, endMs, confidence }) => ({
      word,
      start: seconds(startMs),
      end: seconds(endMs),
      confidence: confidence ?? null,
    })),
  };
}
