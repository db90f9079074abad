/** What the tests of live speech share: recognisers and voices that run in the test's own process, behind a real router. */
import { loadSettings } from '../config/load.ts';
import type { Capabilities, LoadedModel } from '../engines/contract.ts';
import { abortError, SpeechError } from '../errors.ts';
import type { CatalogModel } from '../models/catalog.ts';
import type { Names } from '../models/names.ts';
import type { Log } from '../telemetry/log.ts';
import { openMetrics } from '../telemetry/metrics.ts';
import type { Operation, Operations, Worker, WorkerCall, WorkerModelStatus } from '../workers/contract.ts';
import { Router } from '../workers/router.ts';
import type { Listening, ListeningEvent, ListeningOptions } from './contract.ts';
import { openListening } from './listening.ts';

export type Abilities = Pick<LoadedModel, 'speak' | 'transcribe' | 'listen' | 'watchSpeech' | 'denoiseLive'>;

export const EAR: Capabilities = {
  transcribe: {
    ...{ languages: ['en'], detectsLanguage: false, wordTimes: true, confidence: true },
    ...{ translate: false, maxAudioMs: 30_000 },
  },
};
export const LISTENER: Capabilities = {
  listen: { languages: ['en'], detectsLanguage: false, wordTimes: true, confidence: true },
};
export const VOICE: Capabilities = {
  speak: {
    ...{ voices: [{ id: 'v', name: 'V', language: 'en' }], languages: ['en'], sampleRate: 16_000 },
    ...{ speed: { min: 0.5, max: 2 }, pitch: null, phonemes: null, instructions: false, wordMarks: false },
  },
};

/** One model `m` with these abilities, which takes `slots` calls at once. */
export function liveService(
  abilities: Abilities,
  capabilities: Capabilities,
  env: Record<string, string> = {},
  slots = 4,
) {
  const { settings } = loadSettings({ env });
  const worker = new ProcesslessWorker(abilities, capabilities, slots);
  const log = warningsLog();
  const router = new Router({ workers: [worker], limits: settings.limits, log });
  const model = { manifest: { id: 'm', revision: '1' }, capabilities } as CatalogModel;
  const names = {
    model: (_kind: string, name = 'm') => {
      if (name !== 'm') throw new SpeechError('model_not_found', 'No such model.', { param: 'model' });
      return model;
    },
    default: (kind: string) => {
      const can = kind === 'vad' ? capabilities.watchSpeech : kind === 'denoise' && capabilities.denoiseLive;
      return can ? model : undefined;
    },
    voice: (_model: CatalogModel, name = 'v') => {
      if (name !== 'v') throw new SpeechError('voice_not_found', 'No such voice.', { param: 'voice' });
      return name;
    },
  } as unknown as Names;
  return { router, names, settings, log, worker, metrics: openMetrics(), pronunciations: undefined };
}

/** A session that hears nothing, but for what the test gives it. */
export const deaf = (own: Partial<Listening> = {}): Listening => ({
  ...{ model: 'm', audioMs: 0, backlogMs: 0, openMs: 0 },
  push() {},
  commit: () => undefined,
  clear: () => undefined,
  change() {},
  finish: () => Promise.resolve(),
  close() {},
  ...own,
});

export type LiveService = ReturnType<typeof liveService>;

export const MANUAL: ListeningOptions = { words: false, turns: { kind: 'manual' }, partials: false };
export const BY_VOICE: ListeningOptions = {
  words: false,
  turns: { kind: 'voice', threshold: 0.5, prefixMs: 200, silenceMs: 300 },
  partials: false,
};

/** A session with its events so far. */
export async function hear(service: LiveService, options: ListeningOptions) {
  const events: ListeningEvent[] = [];
  const abort = new AbortController();
  const caller = { requestId: 'r', keyId: 'k', signal: abort.signal };
  const session = await openListening(service, options, caller, (event) => events.push(event));
  const texts = () => events.flatMap((event) => (event.type === 'final' ? [event.text] : []));
  return { session, events, abort, texts };
}

/** A sound with the overtones of a voice, which the detector takes for one; 16 000 Hz. */
export function buzz(ms: number): Float32Array {
  if (sound.length < ms * 16) sound = Float32Array.from({ length: ms * 16 }, sampleOfBuzz);
  return sound.slice(0, ms * 16);
}

let sound = new Float32Array(0);

function sampleOfBuzz(_: unknown, i: number): number {
  const t = i / 16_000;
  return 0.1 * [1, 2, 3, 4, 6, 9].reduce((sum, n) => sum + Math.sin(2 * Math.PI * 140 * n * t) / n, 0);
}

export function silence(ms: number): Float32Array {
  return new Float32Array(ms * 16);
}

/** Runs calls where it is asked. */
class ProcesslessWorker implements Worker {
  readonly id = 'here';
  /** Calls that began, and that ended. */
  begun = 0;
  ended = 0;
  #abilities: Abilities;
  #capabilities: Capabilities;
  #status: WorkerModelStatus;
  #listeners = new Set<(model: string) => void>();

  constructor(abilities: Abilities, capabilities: Capabilities, slots: number) {
    this.#abilities = abilities;
    this.#capabilities = capabilities;
    this.#status = { id: 'm', state: 'loaded', slots, busy: 0, processes: 1, memoryBytes: 1 };
  }

  models = () => [this.#status];
  status = (model: string) => (model === 'm' ? this.#status : undefined);
  capabilities = (model: string) => (model === 'm' ? this.#capabilities : undefined);
  load = async () => {};
  unload = async () => {};
  close = async () => {};

  async *call<O extends Operation>(call: WorkerCall<O>): AsyncGenerator<Operations[O]['message']> {
    this.begun++;
    this.#status.busy++;
    try {
      const ability = this.#abilities[call.operation as keyof Abilities] as (
        ...args: unknown[]
      ) => AsyncIterable<never>;
      const request = call.operation === 'denoiseLive' ? [] : [call.request];
      const input = call.input === undefined ? [] : [call.input];
      for await (const message of ability(...request, ...input, call.signal)) {
        if (call.signal.aborted) break;
        yield message;
      }
      if (call.signal.aborted) throw abortError(call.signal);
    } finally {
      this.ended++;
      this.#status.busy--;
      call.released();
      for (const listener of this.#listeners) listener('m');
    }
  }

  onChange(listener: (model: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Keeps what was warned of, and nothing else. */
function warningsLog(): Log & { warnings: object[] } {
  const nothing = () => {};
  const warnings: object[] = [];
  const warn = (_text: string, fields: object) => void warnings.push(fields);
  const log = { trace: nothing, debug: nothing, info: nothing, warn, error: nothing, flush: nothing };
  return Object.assign(log as unknown as Log, { warnings, child: () => log as unknown as Log });
}

/** Audio of 16 000 Hz as a client sends it, without waiting between the pieces. */
export function pushInPieces(session: Listening, audio: Float32Array, pieceMs: number): void {
  for (let at = 0; at < audio.length; at += pieceMs * 16) {
    session.push({ pcm: audio.slice(at, at + pieceMs * 16), sampleRate: 16_000 });
  }
}

/** Also where it has fired already: on a busy machine whoever asks may be gone before a fake model is asked. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}
