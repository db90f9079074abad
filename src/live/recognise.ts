import { PieceCutter } from '../audio/pieces.ts';
import type { Settings } from '../config/kinds.ts';
import type { Hearing, RecognisedSegment } from '../engines/contract.ts';
import { abortError, SpeechError } from '../errors.ts';
import { raiseQuiet } from '../speech/loudness.ts';
import type { CallContext } from '../workers/contract.ts';
import type { Router } from '../workers/router.ts';
import type { LiveCaller } from './contract.ts';
import { ofHearing, ofSegments, type Recognised } from './heard.ts';
import type { Tape } from './tape.ts';
import { toMs, type Utterance } from './utterance.ts';
import { openVoiceActivity } from './voice-activity.ts';

export interface RecogniseDeps {
  router: Router;
  settings: Settings;
}

/** What a streaming recogniser is given at once, at most: half a second, so that a long backlog does not wait in one message. */
const INPUT_SAMPLES = 8000;

/** Hears what there is of an utterance, by a recogniser that takes recordings. Stops when `signal` fires. */
export async function decode(
  { router, settings }: RecogniseDeps,
  utterance: Utterance,
  tape: Tape,
  kind: 'partial' | 'final',
  { caller, signal }: { caller: LiveCaller; signal: AbortSignal },
): Promise<Recognised> {
  const to = kind === 'final' ? await settled(utterance, tape, signal) : known(utterance, tape);
  const stretch = { fromMs: utterance.fromMs, toMs: toMs(to) };
  if (to === utterance.from || (utterance.silent && settings.sttVadEnabled)) return ofSegments([], stretch);
  const ability = utterance.options.model.capabilities.transcribe!;
  const pieces = await cut(tape.read(utterance.from, to), Math.min(settings.limits.pieceMs, ability.maxAudioMs));
  const deadline = performance.now() + settings.limits.requestTimeoutMs;
  const segments: RecognisedSegment[] = [];
  for (const { pcm, startMs } of pieces) {
    if (settings.sttNormalize) raiseQuiet(pcm);
    const context: CallContext = {
      requestId: caller.requestId,
      caller: caller.keyId,
      // A partial text must not keep anybody's final one waiting; a final one belongs to audio that was accepted.
      lane: kind === 'partial' ? 'batch' : 'interactive',
      continues: kind === 'final',
      timeoutMs: Math.max(1, deadline - performance.now()),
      signal,
      cost: toMs(pcm.length),
    };
    const { language, prompt } = utterance.options;
    const words = utterance.options.words && ability.wordTimes;
    for await (const segment of router.call('transcribe', utterance.model, { pcm, language, prompt, words }, context)) {
      segments.push(moved(segment, startMs));
    }
  }
  return ofSegments(segments, stretch);
}

/** Hears an utterance while it is spoken. `onHearing` gets what was heard so far; the last is what is returned. */
export async function listen(
  { router, settings }: RecogniseDeps,
  utterance: Utterance,
  tape: Tape,
  { caller, signal }: { caller: LiveCaller; signal: AbortSignal },
  onHearing: (recognised: Recognised) => void,
): Promise<Recognised> {
  const { language, prompt, words, alternatives, model } = utterance.options;
  const context: CallContext = {
    requestId: caller.requestId,
    caller: caller.keyId,
    lane: 'interactive',
    timeoutMs: settings.limits.requestTimeoutMs,
    signal,
    cost: 0,
  };
  const request = { language, prompt, words: words && model.capabilities.listen!.wordTimes, alternatives };
  const placed = (hearing: Hearing) =>
    ofHearing(hearing, { fromMs: utterance.fromMs, toMs: toMs(utterance.to ?? tape.end) });
  let last: Recognised | undefined;
  for await (const hearing of router.call(
    'listen',
    utterance.model,
    request,
    context,
    input(utterance, tape, signal),
  )) {
    last = placed(hearing);
    if (!hearing.final) onHearing(last);
  }
  if (last !== undefined && utterance.to !== undefined) return last;
  throw new SpeechError('engine_failed', 'The recogniser ended before the utterance did.');
}

/** The audio of an utterance from its beginning, as it comes. */
async function* input(utterance: Utterance, tape: Tape, signal: AbortSignal): AsyncGenerator<Float32Array> {
  for (let at = utterance.from; ; ) {
    if (signal.aborted) throw abortError(signal);
    const end = Math.min(known(utterance, tape), at + INPUT_SAMPLES);
    if (at < end) {
      yield tape.read(at, end);
      at = end;
    } else if (utterance.to === undefined || at < utterance.to) {
      await utterance.grown;
    } else {
      return;
    }
  }
}

/** Up to where there is audio of an utterance that will not change any more. */
function known({ from, to }: Utterance, tape: Tape): number {
  return Math.max(from, Math.min(to ?? tape.end, tape.settled));
}

/** Where an utterance ends, once that is known and its audio will not change any more. */
async function settled(utterance: Utterance, tape: Tape, signal: AbortSignal): Promise<number> {
  while (utterance.to === undefined || tape.settled < utterance.to) {
    if (signal.aborted) throw abortError(signal);
    await utterance.grown;
  }
  return utterance.to;
}

/** Cuts what is too long for one call at its pauses. */
async function cut(pcm: Float32Array, maxMs: number): Promise<{ pcm: Float32Array; startMs: number }[]> {
  if (toMs(pcm.length) <= maxMs) return [{ pcm, startMs: 0 }];
  const voice = await openVoiceActivity();
  try {
    const cutter = new PieceCutter(maxMs, (frame) => voice.hearsVoice(frame));
    return [...cutter.push(pcm), ...cutter.end()].filter(({ speech }) => speech);
  } finally {
    voice.close();
  }
}

function moved(segment: RecognisedSegment, byMs: number): RecognisedSegment {
  const { startMs, endMs, words } = segment;
  return {
    ...segment,
    startMs: startMs + byMs,
    endMs: endMs + byMs,
    ...(words === undefined
      ? {}
      : { words: words.map((word) => ({ ...word, startMs: word.startMs + byMs, endMs: word.endMs + byMs })) }),
  };
}
