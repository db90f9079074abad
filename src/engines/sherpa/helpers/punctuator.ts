import { abortError } from '../../../errors.ts';
import type { Capabilities, LoadedModel } from '../../contract.ts';
import { engineFailed } from '../errors.ts';
import type { NativePunctuator } from '../native.ts';

/** Adds punctuation to texts. */
export class SherpaPunctuator implements LoadedModel {
  readonly capabilities: Capabilities;
  readonly concurrency = 1;
  readonly #native: NativePunctuator;

  constructor(native: NativePunctuator, capabilities: Capabilities) {
    this.capabilities = capabilities;
    this.#native = native;
  }

  async punctuate({ text }: { text: string }, signal: AbortSignal): Promise<{ text: string }> {
    if (signal.aborted) throw abortError(signal);
    if (text.trim() === '') return { text };
    try {
      return { text: this.#native.addPunct(text) };
    } catch (thrown) {
      throw engineFailed(thrown);
    }
  }

  async close(): Promise<void> {}
}
