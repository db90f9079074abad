import { resolve } from 'node:path';
import type {
  Capabilities,
  Engine,
  Hearing,
  ListenRequest,
  OpenModel,
  SpeakChunk,
  SpeakRequest,
} from '../../src/engines/contract.ts';
import type { Log, LogFields } from '../../src/telemetry/log.ts';
import type { AudioInput, CallContext } from '../../src/workers/contract.ts';
import { type ModelSource, openLocalWorker } from '../../src/workers/local/local-worker.ts';
import { Router } from '../../src/workers/router.ts';

/** What a request's text, as JSON, tells the fake engine to do. */
export interface FakeText {
  /** Messages to send; 1 when absent. */
  chunks?: number;
  /** Samples in each. */
  samples?: number;
  /** Time before each. */
  chunkMs?: number;
  /** Does not notice a cancellation while it waits. */
  deaf?: boolean;
  /** Kills its process before the message of this number. */
  exitAfter?: number;
  /** Waits for ever before it. */
  hangAfter?: number;
  /** Blocks its event loop before it. */
  blockAfter?: number;
  /** Takes memory until it is ended. */
  eat?: boolean;
  fail?: 'typed' | 'untyped';
  /** Sends one message with its process id, messages made, calls aborted and calls ended. */
  report?: boolean;
}

/** What a listen request's prompt, as JSON, tells the fake engine to hear. Lengths of audio are counted in ms. */
export interface FakeHearing {
  /** What it hears, one word for each `wordMs` of audio, over and over; `w0`, `w1`, … when absent. */
  words?: string[];
  /** 100 when absent. */
  wordMs?: number;
  /** Time it takes to hear one piece of audio. */
  pieceMs?: number;
  /** Its final text is the number of samples and a sum that no other audio has. */
  sum?: boolean;
  /** Never reads its audio. */
  deaf?: boolean;
  /** Leaves its audio and is done, after this much of it. */
  doneAfterMs?: number;
  /** Kills its process. */
  exitAfterMs?: number;
  /** Blocks its event loop. */
  blockAfterMs?: number;
  fail?: 'typed' | 'untyped';
}

export const fakeHost = resolve(import.meta.dirname, 'children/fake-engine-host.ts');

export function speakRequest(text: FakeText = {}): SpeakRequest {
  return { text: JSON.stringify(text), voice: '', speed: 1 };
}

export function listenRequest(hearing: FakeHearing = {}, request: ListenRequest = {}): ListenRequest {
  return { ...request, prompt: JSON.stringify(hearing) };
}

export function fakeModel(id: string, options: OpenModel['options'] = {}): OpenModel {
  return { id, engine: 'fake', family: 'fake', folder: '', assets: {}, options, languages: ['en'], voices: [] };
}

/** The engine as the parent process sees it. */
export function fakeEngine(capabilities: Capabilities = { speak: undefined }): Engine {
  return {
    name: 'fake',
    families: ['fake'],
    availability: async () => ({ available: true }),
    describe: () => capabilities,
    readablePaths: () => [],
    open: () => Promise.reject(new Error('only its process opens it')),
  };
}

export const FAKE_LIMITS = {
  modelLoadMs: 20_000,
  modelRoomMs: 10_000,
  engineHeartbeatMs: 10_000,
  engineMemoryBytes: 2 ** 30,
  engineRestarts: 3,
  queueLength: 1000,
  queuePerCaller: 1000,
  firstAudioMs: 60_000,
};
export const FAKE_SETTINGS = {
  engineProcesses: 1,
  engineThreads: 1,
  modelTtl: 300,
  modelMemory: 0,
  maxLoadedModels: 0,
};

/** Opens a worker and a router over fake engine processes. */
export async function openFake({
  models = [fakeModel('m')],
  source,
  ...changes
}: {
  models?: OpenModel[];
  source?: ModelSource;
  engineProcesses?: number;
  modelTtl?: number;
  engineRestarts?: number;
  engineHeartbeatMs?: number;
  engineMemoryBytes?: number;
  /** In MB. */
  modelMemory?: number;
  maxLoadedModels?: number;
  modelRoomMs?: number;
  queueLength?: number;
} = {}) {
  const log = keptLog();
  const limits = { ...FAKE_LIMITS, ...changes };
  const restarts: string[] = [];
  const worker = await openLocalWorker({
    source: source ?? { list: () => models, open: async (id) => models.find((model) => model.id === id)! },
    loadEngine: async () => fakeEngine(),
    settings: { ...FAKE_SETTINGS, ...changes, limits },
    log,
    metrics: { engineRestarted: ({ reason }) => restarts.push(reason) },
    host: fakeHost,
  });
  const router = new Router({ workers: [worker], limits, log });
  /** Asks model `m`: the messages, or SpeechError. */
  const ask = async (text: FakeText = {}, changed: Partial<CallContext> = {}, model = 'm'): Promise<SpeakChunk[]> => {
    const chunks: SpeakChunk[] = [];
    for await (const chunk of router.call('speak', model, speakRequest(text), context(changed))) chunks.push(chunk);
    return chunks;
  };
  /** Lets model `m` hear: what it said, or SpeechError. */
  const hear = async (
    input: AudioInput,
    hearing: FakeHearing = {},
    changed: Partial<CallContext> = {},
  ): Promise<Hearing[]> =>
    await Array.fromAsync(router.call('listen', 'm', listenRequest(hearing), context(changed), input));
  /** What the engine process of model `m` has seen. */
  const report = async () => {
    const [pid, made, aborted, ended] = (await ask({ report: true }))[0]!.pcm;
    return { pid: pid!, made: made!, aborted: aborted!, ended: ended! };
  };
  return { log, worker, router, ask, hear, report, restarts };
}

let lastRequest = 0;

export function context(changes: Partial<CallContext> = {}): CallContext {
  return {
    requestId: `r${++lastRequest}`,
    caller: 'someone',
    lane: 'interactive',
    timeoutMs: 30_000,
    signal: new AbortController().signal,
    cost: 10,
    ...changes,
  };
}

export interface KeptLog extends Log {
  readonly lines: { message: string; fields: LogFields }[];
  /** Every engine process that was started, by its id. */
  pids(): number[];
}

/** A log that keeps its lines. */
export function keptLog(): KeptLog {
  const lines: KeptLog['lines'] = [];
  const write = (message: string, fields: LogFields = {}) => void lines.push({ message, fields });
  return {
    lines,
    pids: () =>
      lines.filter(({ message }) => message === 'Engine process started').map(({ fields }) => Number(fields.pid)),
    ...{ trace: write, debug: write, info: write, warn: write, error: write },
    child: () => keptLog(),
    flush: () => {},
  };
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
