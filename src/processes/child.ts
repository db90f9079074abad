import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';
import { resolve } from 'node:path';
import { SpeechError } from '../errors.ts';
import { Outbox } from './outbox.ts';

/** Our own code and its dependencies: what every child may read. */
const CODE = resolve(import.meta.dirname, '../..');
const STDERR_KEPT = 4096;
const MEMORY_CHECK_MS = 500;
const PAGE_BYTES = 4096;

export interface ChildOptions {
  /** Absolute path of the module to run; it calls `serveParent`. */
  module: string;
  /** For the log, for example `engine espeak`. */
  name: string;
  /** Files and folders it may read besides our code. It may start no program. */
  readable: readonly string[];
  /** Folders it may write to; none where left out. */
  writable?: readonly string[];
  /** It may start threads. */
  threads?: boolean;
  /** Resident memory at which it is killed. */
  memoryBytes: number;
  /** Time to answer `init`. */
  readyTimeoutMs: number;
  /** The first message; the answer to it is `ready`. */
  init: unknown;
  onMessage: (message: unknown) => void;
}

export interface ChildExit {
  /** What ended it, in words for a log. */
  reason: string;
  /** The end of what it wrote to stderr. */
  stderr: string;
  /** True when `stop` or `kill` was called before. */
  expected: boolean;
  /** True when somebody outside ended it: the system for want of memory, an operator. */
  fromOutside: boolean;
}

/** Signals that a process does not raise against itself. */
const OUTSIDE_SIGNALS: ReadonlySet<NodeJS.Signals> = new Set(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP']);

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * A process that does dangerous work for us: native code, strangers' files. It runs under Node's permission model
 * (reads our code and `readable`, writes only what it is given, spawns nothing), with an empty environment, at lower priority than
 * the server, and dies when it outgrows its memory or when we do.
 */
export class Child<Ready = unknown> {
  /** Resolves with the child's answer to `init`; rejects with SpeechError `model_unavailable`. */
  readonly ready: Promise<Ready>;
  readonly exited: Promise<ChildExit>;
  readonly name: string;
  memoryBytes = 0;
  #process: ChildProcess;
  #outbox = new Outbox((values) => this.#post({ kind: 'messages', values }));
  #expected = false;
  #killReason: string | undefined;
  #stderr = '';

  constructor(options: ChildOptions) {
    this.name = options.name;
    const readable = [CODE, ...options.readable];
    this.#process = fork(options.module, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // Nothing of ours leaks into it: no keys, no proxies, no NODE_OPTIONS.
      env: { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE },
      execArgv: [
        '--permission',
        '--allow-addons',
        '--no-warnings',
        ...readable.map((path) => `--allow-fs-read=${path}`),
        ...(options.writable ?? []).map((path) => `--allow-fs-write=${path}`),
        ...(options.threads ? ['--allow-worker'] : []),
      ],
    });
    running.add(this.#process);
    this.#lowerPriority();
    this.#process.stderr?.on('data', (data: Buffer) => {
      this.#stderr = (this.#stderr + data.toString()).slice(-STDERR_KEPT);
    });

    const ready = Promise.withResolvers<Ready>();
    const exited = Promise.withResolvers<ChildExit>();
    this.ready = ready.promise;
    this.exited = exited.promise;
    this.ready.catch(() => {});

    const readyTimer = setTimeout(() => this.#end('it was not ready in time'), options.readyTimeoutMs);
    const memoryTimer = setInterval(() => void this.#checkMemory(options.memoryBytes), MEMORY_CHECK_MS);
    memoryTimer.unref();

    this.#process.on('message', (message: FromChild) => {
      switch (message.kind) {
        case 'ready':
          clearTimeout(readyTimer);
          ready.resolve(message.value as Ready);
          break;
        case 'refused':
          clearTimeout(readyTimer);
          ready.reject(SpeechError.fromData(message.error));
          break;
        case 'memory':
          this.memoryBytes = message.bytes;
          break;
        case 'messages':
          for (const value of message.values) options.onMessage(value);
      }
    });
    const over = (reason: string, fromOutside: boolean): void => {
      clearTimeout(readyTimer);
      clearInterval(memoryTimer);
      running.delete(this.#process);
      ready.reject(
        new SpeechError('model_unavailable', `The ${this.name} process could not start.`, {
          detail: `${reason}; stderr: ${this.#stderr}`,
        }),
      );
      exited.resolve({ reason, stderr: this.#stderr, expected: this.#expected, fromOutside });
    };
    this.#process.on('error', (error) => {
      // What never began does not exit either.
      if (this.pid === undefined) over(error.message, true);
      else this.#end(error.message);
    });
    this.#process.on('exit', async (code, signal) => {
      // What it sent before it ended is delivered until the channel closes; Node emits no `close` for a child that
      // we disconnected ourselves, so the channel and stderr are awaited here.
      await Promise.all([this.#channelClosed(), this.#stderrClosed()]);
      const ended = signal === null ? `it exited with code ${code}` : `it was ended by ${signal}`;
      const fromOutside = this.#killReason === undefined && signal !== null && OUTSIDE_SIGNALS.has(signal);
      over(this.#killReason ?? ended, fromOutside);
    });
    this.#post({ kind: 'init', value: options.init });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Resolves when the message has left this process: wait for it before sending more, and buffers stay small. */
  send(value: unknown): Promise<void> {
    return this.#outbox.add(value);
  }

  /** Ends it now. */
  kill(): void {
    this.#expected = true;
    this.#end('we ended it');
  }

  /** Lets it finish by itself for `graceMs`, then ends it. */
  async stop(graceMs = 1000): Promise<void> {
    this.#expected = true;
    this.#outbox.flush();
    if (this.pid !== undefined && this.#process.connected) this.#process.disconnect();
    const timer = setTimeout(() => this.#end('we ended it'), graceMs);
    await this.exited;
    clearTimeout(timer);
  }

  #post(message: ToChild): Promise<void> {
    return new Promise((resolve) => {
      if (!this.#process.connected) {
        resolve();
        return;
      }
      this.#process.send(message as never, () => resolve());
    });
  }

  async #channelClosed(): Promise<void> {
    if (this.#process.connected) await once(this.#process, 'disconnect');
  }

  async #stderrClosed(): Promise<void> {
    const stderr = this.#process.stderr;
    if (stderr !== null && !stderr.closed) await once(stderr, 'close');
  }

  #end(reason: string): void {
    this.#killReason ??= reason;
    this.#process.kill('SIGKILL');
  }

  /** Engines fill every core; a request's parsing and its answer must not wait behind them. */
  #lowerPriority(): void {
    try {
      if (this.#process.pid !== undefined) setPriority(this.#process.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    } catch {
      // It already ended, or the system does not allow it: only latency under load suffers.
    }
  }

  async #checkMemory(limitBytes: number): Promise<void> {
    // A child busy in native code cannot report; Linux tells about it from outside.
    const statm = await readFile(`/proc/${this.#process.pid}/statm`, 'latin1').catch(() => undefined);
    if (statm !== undefined) this.memoryBytes = Number(statm.split(' ')[1]) * PAGE_BYTES;
    if (this.memoryBytes > limitBytes) {
      this.#end(`it used ${Math.round(this.memoryBytes / 2 ** 20)} MiB, more than ${Math.round(limitBytes / 2 ** 20)}`);
    }
  }
}

/** What crosses the border; only this file and `serve-parent.ts` see it. */
export type ToChild = { kind: 'init'; value: unknown } | { kind: 'messages'; values: unknown[] };
export type FromChild =
  | { kind: 'ready'; value: unknown }
  | { kind: 'refused'; error: ReturnType<SpeechError['toData']> }
  | { kind: 'memory'; bytes: number }
  | { kind: 'messages'; values: unknown[] };
