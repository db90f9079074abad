import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Engine, LoadedModel } from '../../engines/contract.ts';
import { abortError, SpeechError } from '../../errors.ts';
import { type Parent, serveParent } from '../../processes/serve-parent.ts';
import { CallStream } from '../call-stream.ts';
import type { Operations } from '../contract.ts';
import {
  type FromHost,
  type HostInit,
  type HostReady,
  INPUT_ACKNOWLEDGE_BYTES,
  inputSize,
  sizeOf,
  type ToHost,
  WINDOW_BYTES,
} from './messages.ts';
import { singleAnswer } from './single-answer.ts';

/** Runs inside an engine process: opens the one model that the parent names and answers calls until the parent goes. */
export function serveEngine(loadEngine: (name: string) => Promise<Engine>): void {
  serveParent(async (init, parent) => {
    const { model, options } = init as HostInit;
    const engine = await loadEngine(model.engine);
    const loaded = await engine.open(model, options);
    const calls = new Map<number, HostedCall>();
    return {
      ready: readiness(loaded),
      onMessage: (message) => receive(message as ToHost, loaded, calls, parent),
      end: async () => {
        for (const call of calls.values()) call.cancel();
        await loaded.close();
      },
    };
  });
}

function readiness({ capabilities, concurrency, processors = concurrency }: LoadedModel): HostReady {
  return { capabilities, concurrency, processors };
}

function receive(message: ToHost, loaded: LoadedModel, calls: Map<number, HostedCall>, parent: Parent): void {
  switch (message.kind) {
    case 'call': {
      const call = new HostedCall(message.id, parent);
      calls.set(message.id, call);
      void call.run(loaded, message).finally(() => calls.delete(message.id));
      return;
    }
    case 'input':
      calls.get(message.id)?.hear(message.pcm);
      return;
    case 'input-end':
      calls.get(message.id)?.input.end();
      return;
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
  /** What was sent of the call's audio and not read yet; the parent keeps it within bounds. */
  readonly input = new CallStream<Float32Array>();
  #id: number;
  #parent: Parent;
  #abort = new AbortController();
  #unread = 0;
  #taken = 0;
  #resume: (() => void) | undefined;

  constructor(id: number, parent: Parent) {
    this.#id = id;
    this.#parent = parent;
    this.input.onTake = (pcm) => this.#take(pcm);
  }

  hear(pcm: Float32Array): void {
    // An engine that has left its audio needs no more of it, and is not behind.
    if (this.input.ended) this.#take(pcm);
    else this.input.push(pcm);
  }

  cancel(): void {
    this.#abort.abort();
    this.input.abort(abortError(this.#abort.signal));
    this.#resume?.();
  }

  acknowledge(bytes: number): void {
    this.#unread -= bytes;
    this.#resume?.();
  }

  async run(loaded: LoadedModel, call: ToHost & { kind: 'call' }): Promise<void> {
    const signal = this.#abort.signal;
    try {
      for await (const message of answer(loaded, call, this.input, signal)) {
        if (signal.aborted) break;
        this.#unread += sizeOf(message);
        post(this.#parent, { kind: 'chunk', id: this.#id, message });
        // An engine that never waits would keep a cancellation from being read; a detector waits
        // for its next window anyway, and has thousands a second.
        if (call.operation !== 'watchSpeech') await nextTurn();
        await this.#room();
        if (signal.aborted) break;
      }
      post(this.#parent, { kind: 'done', id: this.#id });
    } catch (thrown) {
      post(this.#parent, { kind: 'failed', id: this.#id, error: asEngineError(thrown, signal).toData() });
    }
  }

  #take(pcm: Float32Array): void {
    this.#taken += inputSize(pcm);
    if (this.#taken < INPUT_ACKNOWLEDGE_BYTES) return;
    post(this.#parent, { kind: 'input-taken', id: this.#id, bytes: this.#taken });
    this.#taken = 0;
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

function answer(
  loaded: LoadedModel,
  call: ToHost & { kind: 'call' },
  input: CallStream<Float32Array>,
  signal: AbortSignal,
): Answer {
  const { operation, request } = call;
  if (operation === 'speak' && loaded.speak !== undefined) {
    return loaded.speak(request as Operations['speak']['request'], signal);
  }
  if (operation === 'transcribe' && loaded.transcribe !== undefined) {
    return loaded.transcribe(request as Operations['transcribe']['request'], signal);
  }
  const single = singleAnswer(loaded, operation, request, signal);
  if (single !== undefined) return single;
  if (operation === 'listen' && loaded.listen !== undefined) {
    return loaded.listen(request as Operations['listen']['request'], input, signal);
  }
  if (operation === 'watchSpeech' && loaded.watchSpeech !== undefined) {
    return loaded.watchSpeech(request as Operations['watchSpeech']['request'], input, signal);
  }
  if (operation === 'denoiseLive' && loaded.denoiseLive !== undefined) return loaded.denoiseLive(input, signal);
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
