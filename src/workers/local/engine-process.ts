import type { Settings } from '../../config/kinds.ts';
import type { OpenModel } from '../../engines/contract.ts';
import { SpeechError } from '../../errors.ts';
import { Child, type ChildExit } from '../../processes/child.ts';
import type { CallStream } from '../call-stream.ts';
import type { AudioInput, Operation, Operations } from '../contract.ts';
import { InputPump } from './input-pump.ts';
import {
  ACKNOWLEDGE_BYTES,
  type FromHost,
  type HostInit,
  type HostReady,
  sizeOf,
  type ToHost,
  WINDOW_BYTES,
} from './messages.ts';

/**
 * Time an engine has to stop a cancelled call before it counts as stuck: this, or as long as it took to load where that
 * is longer, because replacing it would take that long too.
 */
const STOP_GRACE_MS = 2000;

export interface EngineProcessOptions {
  /** Absolute path of the module to run. */
  host: string;
  model: OpenModel;
  /** What it may read besides our code and the model's folder. */
  readable: readonly string[];
  threads: number;
  limits: Pick<Settings['limits'], 'modelLoadMs' | 'engineHeartbeatMs' | 'engineMemoryBytes'>;
  /** A call ended and its slot is free; with the time it took where it was answered in full. */
  onFreed: (call: number, workMs: number | undefined) => void;
  /** It does not stop a call that was cancelled: it takes no more calls and ends after those it still works on. */
  onStuck: () => void;
  /** It is gone. Called before the calls in it end. */
  onExit: (exit: EngineExit) => void;
}

export interface EngineExit {
  /** `ended`: we asked for it. `load`: it never got ready. `hang`: it did not stop or did not answer. */
  cause: 'ended' | 'load' | 'crash' | 'hang' | 'memory';
  /** Safe to show to an operator in a status. */
  reason: string;
  /** What it wrote while it loaded; later output could hold what people said, so it is withheld. */
  detail: string;
}

type Message = Operations[Operation]['message'];

interface RunningCall {
  stream: CallStream<Message>;
  input: InputPump | undefined;
  startedAt: number;
  /** Bytes that came and were not acknowledged yet. */
  unacknowledged: number;
  /** Of those, the ones that were read. */
  read: number;
  /** Set once the call was cancelled. */
  grace: NodeJS.Timeout | undefined;
}

/**
 * One process that holds one model. Its death ends the calls in it with `engine_failed` and nothing else. An engine
 * that works synchronously cannot answer a ping while it works: it is pinged only when idle, and a busy one is
 * measured by its calls' own timeouts.
 */
export class EngineProcess {
  /** Rejects with `model_unavailable`. */
  readonly ready: Promise<HostReady>;
  readonly exited: Promise<void>;
  #child: Child<HostReady>;
  #options: EngineProcessOptions;
  #calls = new Map<number, RunningCall>();
  #loadMs = 0;
  #stuck = false;
  /** Why we ended it ourselves. */
  #verdict: { cause: 'hang' | 'crash'; reason: string } | undefined;
  #awaitingPong = false;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(options: EngineProcessOptions) {
    const { model, limits, threads } = options;
    this.#options = options;
    this.#child = new Child<HostReady>({
      module: options.host,
      name: `engine ${model.engine}`,
      readable: model.folder === '' ? options.readable : [model.folder, ...options.readable],
      memoryBytes: limits.engineMemoryBytes,
      readyTimeoutMs: limits.modelLoadMs,
      init: { model, options: { threads } } satisfies HostInit,
      onMessage: (message) => this.#receive(message as FromHost),
    });
    this.ready = this.#child.ready;
    this.exited = this.#watch();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get memoryBytes(): number {
    return this.#child.memoryBytes;
  }

  /**
   * Starts a call. `id` is unique within this process; `stream` receives the answer. Reads `input` as it comes, until
   * the call ends.
   */
  run<O extends Operation>(
    id: number,
    operation: O,
    request: Operations[O]['request'],
    stream: CallStream<Operations[O]['message']>,
    input?: AudioInput,
  ): void {
    const call: RunningCall = {
      stream: stream as unknown as CallStream<Message>,
      input: undefined,
      startedAt: performance.now(),
      unacknowledged: 0,
      read: 0,
      grace: undefined,
    };
    call.stream.onTake = (message) => {
      call.read += sizeOf(message);
      if (call.read < ACKNOWLEDGE_BYTES || !this.#calls.has(id)) return;
      void this.#send({ kind: 'acknowledge', id, bytes: call.read });
      call.unacknowledged -= call.read;
      call.read = 0;
    };
    this.#calls.set(id, call);
    void this.#send({ kind: 'call', id, operation, request });
    if (input === undefined) return;
    call.input = new InputPump({
      input,
      send: (pcm) => this.#send({ kind: 'input', id, pcm }),
      end: () => void this.#send({ kind: 'input-end', id }),
      fail: (error) => call.stream.abort(error),
    });
  }

  /** Stops a call whose stream has ended. Its slot is free once the engine confirms, which `onFreed` tells. */
  cancel(id: number): void {
    const call = this.#calls.get(id);
    if (call === undefined || call.grace !== undefined) return;
    call.input?.stop();
    call.grace = setTimeout(() => this.#outstayed(), Math.max(STOP_GRACE_MS, this.#loadMs));
    void this.#send({ kind: 'cancel', id });
  }

  /** Gives the memory back: ends at once when idle, within a second when not. */
  async stop(): Promise<void> {
    await this.#child.stop();
  }

  #receive(message: FromHost): void {
    if (message.kind === 'pong') {
      this.#awaitingPong = false;
      return;
    }
    const call = this.#calls.get(message.id);
    if (call === undefined) return;
    switch (message.kind) {
      case 'chunk':
        // Only a process that no longer runs our code goes on after the window is full.
        if (call.unacknowledged >= WINDOW_BYTES) {
          this.#end('crash', 'it sent more than it may');
        } else {
          call.unacknowledged += sizeOf(message.message);
          call.stream.push(message.message);
        }
        return;
      case 'input-taken':
        call.input?.taken(message.bytes);
        return;
      case 'done':
        this.#forget(message.id, call);
        call.stream.end();
        this.#options.onFreed(message.id, call.grace === undefined ? performance.now() - call.startedAt : undefined);
        break;
      case 'failed':
        this.#forget(message.id, call);
        call.stream.fail(SpeechError.fromData(message.error));
        this.#options.onFreed(message.id, undefined);
    }
    this.#endIfStuck();
  }

  #forget(id: number, call: RunningCall): void {
    clearTimeout(call.grace);
    call.input?.stop();
    this.#calls.delete(id);
  }

  #outstayed(): void {
    if (!this.#stuck) {
      this.#stuck = true;
      this.#options.onStuck();
    }
    this.#endIfStuck();
  }

  /** Other callers' work in the same process is finished first; their timeouts bound how long that takes. */
  #endIfStuck(): void {
    if (!this.#stuck || this.#calls.size === 0) return;
    for (const call of this.#calls.values()) if (call.grace === undefined) return;
    this.#end('hang', 'it did not stop a call that was cancelled or timed out');
  }

  #beat(): void {
    if (this.#calls.size > 0) {
      this.#awaitingPong = false;
    } else if (this.#awaitingPong) {
      this.#end('hang', 'it did not answer while it was idle');
    } else {
      this.#awaitingPong = true;
      void this.#send({ kind: 'ping' });
    }
  }

  #end(cause: 'hang' | 'crash', reason: string): void {
    this.#verdict ??= { cause, reason };
    this.#child.kill();
  }

  async #watch(): Promise<void> {
    const startedAt = performance.now();
    const loadError = await this.#child.ready.then(
      () => undefined,
      (error: SpeechError) => error,
    );
    if (loadError === undefined) {
      this.#loadMs = performance.now() - startedAt;
      this.#heartbeat = setInterval(() => this.#beat(), this.#options.limits.engineHeartbeatMs);
      this.#heartbeat.unref();
    }
    const exit = this.#judge(await this.#child.exited, loadError);
    clearInterval(this.#heartbeat);
    this.#options.onExit(exit);
    for (const [id, call] of this.#calls) {
      this.#forget(id, call);
      call.stream.fail(
        new SpeechError('engine_failed', 'The engine ended while it worked on this request.', {
          detail: `engine ${this.#options.model.engine}, process ${this.pid}: ${exit.reason}`,
        }),
      );
    }
  }

  #judge(exit: ChildExit, loadError: SpeechError | undefined): EngineExit {
    if (this.#verdict !== undefined) return { ...this.#verdict, detail: '' };
    if (exit.expected) return { cause: 'ended', reason: exit.reason, detail: '' };
    // Being killed while it loads says nothing about the model.
    if (loadError !== undefined && !exit.fromOutside) {
      const reason = `${loadError.message} (${exit.reason})`;
      return { cause: 'load', reason, detail: loadError.detail ?? exit.stderr };
    }
    const outgrown = this.#child.memoryBytes > this.#options.limits.engineMemoryBytes;
    return { cause: outgrown ? 'memory' : 'crash', reason: exit.reason, detail: '' };
  }

  #send(message: ToHost): Promise<void> {
    return this.#child.send(message);
  }
}
