/** The baseline: an engine in a plain process of its own, called directly, with nothing of ours around it. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { OpenModel } from '../../src/engines/contract.ts';

export interface BareTask {
  /** Text to speak, or the path of a WAV file with 16 000 Hz mono PCM to hear. */
  speak?: { text: string; voice: string };
  hear?: { path: string };
  /** How often, or for how many milliseconds. */
  times?: number;
  forMs?: number;
}

export interface BareResult {
  /** Per run: until the first audio or segment, and until the end, in ms; `engineMs` leaves out reading the file. */
  runs: { firstMs: number; wholeMs: number; engineMs: number }[];
  /** Of what was spoken or heard, in ms. */
  audioMs: number;
}

export class BareEngine {
  #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(model: OpenModel): Promise<BareEngine> {
    const child = fork(new URL('./bare.child.ts', import.meta.url), { serialization: 'advanced' });
    child.send(model);
    await once(child, 'message');
    return new BareEngine(child);
  }

  async run(task: BareTask): Promise<BareResult> {
    this.#child.send(task);
    const [result] = (await once(this.#child, 'message')) as [BareResult];
    return result;
  }

  stop(): void {
    this.#child.kill();
  }
}
