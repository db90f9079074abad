import { resolve } from 'node:path';
import type { SpeechError } from '../../errors.ts';
import { Child } from '../../processes/child.ts';
import type { DecodeOptions } from '../contract.ts';
import { DecodeJob, decoderFailed } from './decode-job.ts';
import type { FromDecoder } from './messages.ts';

const MODULE = resolve(import.meta.dirname, 'decoder.child.ts');
const READY_TIMEOUT_MS = 30_000;

export interface DecoderOptions {
  memoryBytes: number;
  /** Folders that recordings may lie in. */
  readable: readonly string[];
}

/** A process that decodes one recording after another. */
export class Decoder {
  /** Recordings it has been given. */
  recordings = 0;
  readonly ready: Promise<unknown>;
  readonly exited: Promise<unknown>;
  #child: Child;
  #alive = true;
  #job: DecodeJob | undefined;

  constructor(options: DecoderOptions) {
    this.#child = new Child({
      module: MODULE,
      name: 'audio decoder',
      readable: options.readable,
      memoryBytes: options.memoryBytes,
      readyTimeoutMs: READY_TIMEOUT_MS,
      init: null,
      onMessage: (message) => this.#job?.receive(message as Partial<FromDecoder> | null),
    });
    this.ready = this.#child.ready;
    this.exited = this.#child.exited.then(({ reason, stderr }) => {
      this.#alive = false;
      this.#job?.processEnded(decoderFailed(`${reason}; stderr: ${stderr}`));
    });
  }

  /** False once its process is gone or about to go. */
  get alive(): boolean {
    return this.#alive;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** It must be alive and free: the job before has finished. */
  decode(path: string, options: DecodeOptions): DecodeJob {
    this.recordings++;
    this.#job = new DecodeJob(path, options, {
      send: (message) => void this.#child.send(message),
      kill: () => this.#kill(),
    });
    return this.#job;
  }

  stop(error: SpeechError): Promise<void> {
    this.#alive = false;
    this.#job?.processEnded(error);
    return this.#child.stop();
  }

  #kill(): void {
    this.#alive = false;
    this.#child.kill();
  }
}
