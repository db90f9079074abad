import { SpeechError } from '../errors.ts';
import type { LiveCaller, Speaking, SpeakingOptions } from '../live/contract.ts';
import type { Log } from '../telemetry/log.ts';
import type { LanguageModel } from './language-model.ts';
import type { Generation, ResponseOutput } from './response.ts';
import { encodeWire, wireRate } from './wire-audio.ts';

export interface ResponderDeps {
  languageModel: LanguageModel | undefined;
  openSpeaking: (options: SpeakingOptions, caller: LiveCaller) => Speaking;
  log: Log;
  /** Resolves when the client has read most of what it was sent. */
  ready: () => Promise<void>;
}

/** Audio leaves in pieces of this length: short enough to start playing at once, long enough to be few. */
const DELTA_MS = 200;

/**
 * Makes one response: thinks up the words or takes the given ones, and speaks them sentence by sentence while the rest
 * is still being thought up. The last output is `end` or `failed`. Never rejects; an aborted one falls silent.
 */
export async function makeResponse(
  deps: ResponderDeps,
  generation: Generation,
  caller: LiveCaller,
  tell: (output: ResponseOutput) => void,
): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([caller.signal, stop.signal]);
  const say = (output: ResponseOutput): void => {
    if (!caller.signal.aborted) tell(output);
  };
  try {
    const end = await (generation.modality === 'text'
      ? write(deps, generation, signal, say)
      : speak(deps, generation, { ...caller, signal }, say));
    say(end);
  } catch (thrown) {
    const { code, message, status, detail } = SpeechError.from(thrown);
    if (status >= 500 && !caller.signal.aborted) {
      deps.log.warn('A response failed', { requestId: caller.requestId, code, detail });
    }
    say({ kind: 'failed', code, message });
  } finally {
    stop.abort(new SpeechError('cancelled', 'The response is over.'));
  }
}

type Say = (output: ResponseOutput) => void;
type End = ResponseOutput & { kind: 'end' };

async function write(deps: ResponderDeps, generation: Generation, signal: AbortSignal, say: Say): Promise<End> {
  for await (const thought of thoughtsOf(deps, generation, signal)) {
    if (thought.kind === 'end') return thought;
    say(thought);
  }
  return { kind: 'end' };
}

async function speak(deps: ResponderDeps, generation: Generation, caller: LiveCaller, say: Say): Promise<End> {
  const { format, voice, speed } = generation;
  let speaking: Speaking | undefined;
  let heard: Promise<void> | undefined;
  let failure: unknown;
  let end: End = { kind: 'end' };
  // The spoken words and a call of a function may come in one answer: each item waits for the one before it.
  const finishSpeaking = async (): Promise<void> => {
    speaking?.end();
    await heard;
    speaking = heard = undefined;
    if (failure !== undefined) throw failure;
  };
  for await (const thought of thoughtsOf(deps, generation, caller.signal)) {
    if (failure !== undefined) throw failure;
    if (thought.kind === 'text') {
      if (speaking === undefined) {
        speaking = deps.openSpeaking({ voice, speed, sampleRate: wireRate(format) }, caller);
        heard = pass(speaking, format, say, deps.ready).catch((thrown: unknown) => {
          failure = thrown;
        });
      }
      speaking.append(thought.delta);
    } else {
      await finishSpeaking();
      if (thought.kind === 'end') end = thought;
      else say(thought);
    }
  }
  await finishSpeaking();
  return end;
}

/** No faster than the client reads. */
async function* thoughtsOf({ languageModel, ready }: ResponderDeps, generation: Generation, signal: AbortSignal) {
  if (languageModel !== undefined) {
    for await (const thought of languageModel.think(generation, signal)) {
      await ready();
      yield thought;
    }
    return;
  }
  yield { kind: 'text', delta: generation.literal ?? '' } as const;
  yield { kind: 'end' } as const;
}

/** Passes on what is spoken, as it is spoken. */
async function pass(
  speaking: Speaking,
  format: Generation['format'],
  say: Say,
  ready: ResponderDeps['ready'],
): Promise<void> {
  const samples = Math.round((wireRate(format) * DELTA_MS) / 1000);
  for await (const event of speaking) {
    if (event.type === 'sentence') say({ kind: 'sentence', text: event.text });
    if (event.type !== 'audio') continue;
    for (let at = 0; at < event.pcm.length; at += samples) {
      await ready();
      const pcm = event.pcm.subarray(at, at + samples);
      const durationMs = (pcm.length / wireRate(format)) * 1000;
      say({ kind: 'audio', delta: encodeWire(pcm, format).toString('base64'), durationMs });
    }
  }
}
