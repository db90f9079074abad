import { resolve } from 'node:path';
import type { Capabilities, Engine, OpenModel, SpeakRequest } from '../../src/engines/contract.ts';
import type { Log, LogFields } from '../../src/telemetry/log.ts';
import type { CallContext } from '../../src/workers/contract.ts';

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
  fail?: 'typed' | 'untyped';
  /** Sends one message with its process id, messages made, calls aborted and calls ended. */
  report?: boolean;
}

export const fakeHost = resolve(import.meta.dirname, 'children/fake-engine-host.ts');

export function speakRequest(text: FakeText = {}): SpeakRequest {
  return { text: JSON.stringify(text), voice: '', speed: 1 };
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
  /** Every engine process that got ready, by its id. */
  pids(): number[];
}

/** A log that keeps its lines. */
export function keptLog(): KeptLog {
  const lines: KeptLog['lines'] = [];
  const write = (message: string, fields: LogFields = {}) => void lines.push({ message, fields });
  return {
    lines,
    pids: () =>
      lines.filter(({ message }) => message === 'Engine process ready').map(({ fields }) => Number(fields.pid)),
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
