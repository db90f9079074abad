import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SpeechError } from '../../errors.ts';
import type { Engine, LoadedModel, OpenModel, OpenOptions, SoundRequest } from '../contract.ts';
import { nativeFolders } from '../sherpa/native.ts';
import { BANDS, FRAMES, logMel } from './log-mel.ts';
import { findRuntime, openSession, type Session } from './runtime.ts';

const CAPABILITIES = { judgeTurn: true } as const;

/**
 * Models that ONNX Runtime runs without a library of their own around them. Smart Turn hears by tone and words whether
 * somebody has finished speaking.
 */
export const engine: Engine = {
  name: 'onnxruntime',
  families: ['smart-turn'],

  async availability() {
    if (findRuntime() !== undefined) return { available: true };
    const machine = `${process.platform}-${process.arch}`;
    return { available: false, reason: `sherpa-onnx, which brings ONNX Runtime, is not installed for ${machine}` };
  },

  describe: () => CAPABILITIES,

  readablePaths() {
    const folders = nativeFolders();
    return folders === undefined ? [] : [dirname(folders.package)];
  },

  open: async (model, options) => await SmartTurn.open(model, options),
};

/** The last 8 seconds of a turn go in, how likely it is over comes out. */
class SmartTurn implements LoadedModel {
  readonly capabilities = CAPABILITIES;
  /** The runtime writes into one input, and one call keeps the processor busy. */
  readonly concurrency = 1;
  readonly #session: Session;

  private constructor(session: Session) {
    this.#session = session;
  }

  static async open({ id, assets }: OpenModel, { threads }: OpenOptions): Promise<SmartTurn> {
    const runtime = findRuntime();
    try {
      if (runtime === undefined) throw new Error('ONNX Runtime is not installed');
      if (assets.model === undefined) throw new Error('its manifest names no model file');
      const model = await readFile(assets.model);
      return new SmartTurn(
        openSession(runtime.file, model, { input: 'input_features', shape: [1, BANDS, FRAMES], threads }),
      );
    } catch (error) {
      const detail = (error as Error).message;
      throw new SpeechError('model_unavailable', `The model ${id} cannot be opened.`, { detail });
    }
  }

  async judgeTurn({ pcm }: SoundRequest): Promise<{ ended: number }> {
    const [ended] = await this.#session.run(logMel(pcm), 1);
    if (!Number.isFinite(ended)) throw new SpeechError('engine_failed', 'The model gave no probability.');
    return { ended: Math.min(1, Math.max(0, ended!)) };
  }

  async close(): Promise<void> {
    this.#session.close();
  }
}
