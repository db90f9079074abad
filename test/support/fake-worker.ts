import type { SpeakChunk } from '../../src/engines/contract.ts';
import { abortError, SpeechError } from '../../src/errors.ts';
import { CallStream } from '../../src/workers/call-stream.ts';
import type { Operation, Operations, Worker, WorkerCall, WorkerModelStatus } from '../../src/workers/contract.ts';

/** One call that a FakeWorker holds until the test says how it ends. */
export interface HeldCall {
  call: WorkerCall;
  /** Sends one message. */
  send(): void;
  /** Ends it as done after this much work. */
  finish(workMs?: number): void;
  fail(error: SpeechError): void;
}

/** A worker without processes for the tests of the router: it holds every call until told how to end it. */
export class FakeWorker implements Worker {
  readonly id: string;
  /** Calls in the order they came, ended ones too. */
  readonly calls: HeldCall[] = [];
  readonly statuses = new Map<string, WorkerModelStatus>();
  closed = false;
  #listeners = new Set<(model: string) => void>();

  constructor({ id = 'fake', slots = 1, models = ['m'] }: { id?: string; slots?: number; models?: string[] } = {}) {
    this.id = id;
    for (const model of models) {
      this.statuses.set(model, { id: model, state: 'loaded', slots, busy: 0, processes: 1, memoryBytes: 1 });
    }
  }

  models = () => [...this.statuses.values()];
  status = (model: string) => this.statuses.get(model);
  capabilities = (model: string) => (this.statuses.has(model) ? {} : undefined);
  load = () => Promise.resolve();
  unload = () => Promise.resolve();

  /** Changes what it says about a model. */
  change(model: string, changes: Partial<WorkerModelStatus>): void {
    Object.assign(this.statuses.get(model)!, changes);
    this.#tell(model);
  }

  call<O extends Operation>(call: WorkerCall<O>): AsyncIterable<Operations[O]['message']> {
    const stream = new CallStream<SpeakChunk>();
    const status = this.statuses.get(call.model)!;
    status.busy++;
    let released = false;
    const release = (workMs?: number) => {
      if (released) return;
      released = true;
      status.busy--;
      call.released(workMs);
      this.#tell(call.model);
    };
    stream.onEnd = (stopped) => {
      if (stopped) release();
    };
    const onAbort = () => stream.abort(abortError(call.signal));
    call.signal.addEventListener('abort', onAbort, { once: true });
    this.calls.push({
      call: call as unknown as WorkerCall,
      send: () => stream.push({ pcm: new Float32Array(1), sampleRate: 16_000 }),
      finish: (workMs = 0) => {
        stream.end();
        release(workMs);
      },
      fail: (error) => {
        stream.fail(error);
        release();
      },
    });
    return stream as unknown as AsyncIterable<Operations[O]['message']>;
  }

  onChange(listener: (model: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  #tell(model: string): void {
    for (const listener of this.#listeners) listener(model);
  }
}

/** What a process that died gives its calls. */
export const died = (): SpeechError => new SpeechError('engine_failed', 'It died.');
