import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Engine, LoadedModel } from '../../engines/contract.ts';
import { abortError, SpeechError } from '../../errors.ts';
import { type Parent, serveParent } from '../../processes/serve-parent.ts';
import type { Operations } from '../contract.ts';
import { type FromHost, type HostInit, type HostReady, sizeOf, type ToHost, WINDOW_BYTES } from './messages.ts';

/** Runs inside an engine process: opens the one model that the parent names and answers calls until the parent goes. */
export function serveEngine(loadEngine: (name: string) => Promise<Engine>): void {
  serveParent(async (init, parent) => {
    const { model, options } = init as HostInit;
    const engine = await loadEngine(model.engine);
    const loaded = await engine.open(model, options);
    const calls = new Map<number, HostedCall>();
    return {
      ready: { capabilities: loaded.capabilities, concurrency: loaded.concurrency } satisfies HostReady,
      onMessage: (message) => receive(message as ToHost, loaded, calls, parent),
      end: async () => {
        for (const call of calls.values()) call.cancel();
        await loaded.close();
      },
    };
  });
}

function receive(message: ToHost, loaded: LoadedModel, calls: Map<number, HostedCall>, parent: Parent): void {
  switch (message.kind) {
    case 'call': {
      const call = new HostedCall(message.id, parent);
      calls.set(message.id, call);
      void call.run(loaded, message).finally(() => calls.delete(message.id));
      return;
    }
    case 'acknowledge':
      calls.get(message.id)?.acknowledge(message.bytes);
      return;
    case 'cancel':
      calls.get(message.id)?.cancel();
      return;
    case 'ping':
      post(parent, { kind: 'pong' });
  }
}

class HostedCall {
  #id: number;
  #parent: Parent;
  #abort = new AbortController();
  #unread = 0;
  #resume: (() => void) | undefined;

  constructor(id: number, parent: Parent) {
    this.#id = id;
    this.#parent = parent;
  }

  cancel(): void {
    this.#abort.abort();
    this.#resume?.();
  }

  acknowledge(bytes: number): void {
    this.#unread -= bytes;
    this.#resume?.();
  }

  async run(loaded: LoadedModel, call: ToHost & { kind: 'call' }): Promise<void> {
    const signal = this.#abort.signal;
    try {
      for await (const message of answer(loaded, call, signal)) {
        if (signal.aborted) break;
        this.#unread += sizeOf(message);
        post(this.#parent, { kind: 'chunk', id: this.#id, message });
        // An engine that never waits would keep a cancellation from being read.
        await nextTurn();
        await this.#room();
        if (signal.aborted) break;
      }
      post(this.#parent, { kind: 'done', id: this.#id });
    } catch (thrown) {
      post(this.#parent, { kind: 'failed', id: this.#id, error: asEngineError(thrown, signal).toData() });
    }
  }

  async #room(): Promise<void> {
    while (this.#unread >= WINDOW_BYTES && !this.#abort.signal.aborted) {
      const resumed = Promise.withResolvers<void>();
      this.#resume = resumed.resolve;
      await resumed.promise;
    }
    this.#resume = undefined;
  }
}

type Answer = AsyncIterable<Operations[keyof Operations]['message']>;

function answer(loaded: LoadedModel, call: ToHost & { kind: 'call' }, signal: AbortSignal): Answer {
  const { operation, request } = call;
  if (operation === 'speak' && loaded.speak !== undefined) {
    return loaded.speak(request as Operations['speak']['request'], signal);
  }
  if (operation === 'transcribe' && loaded.transcribe !== undefined) {
    return loaded.transcribe(request as Operations['transcribe']['request'], signal);
  }
  throw new SpeechError('unsupported_by_model', `This model cannot ${operation}.`, { param: 'model' });
}

function asEngineError(thrown: unknown, signal: AbortSignal): SpeechError {
  if (signal.aborted) return abortError(signal);
  if (thrown instanceof SpeechError) return thrown;
  return new SpeechError('engine_failed', 'The engine failed to answer this request.', {
    detail: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown),
  });
}

function post(parent: Parent, message: FromHost): void {
  void parent.send(message);
}
