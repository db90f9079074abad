import { abortError } from '../../../errors.ts';
import type { Capabilities, LoadedModel } from '../../contract.ts';
import { engineFailed } from '../errors.ts';
import type { NativePunctuator } from '../native.ts';

/** FunASR's model writes Chinese marks without spaces behind whatever came before. */
const CHINESE_AFTER_LATIN = /(?<=[\p{Script=Latin}\p{N}'’”")])[，、。？](?=(\S?))/gu;
const LATIN: Readonly<Record<string, string>> = { '，': ',', '、': ',', '。': '.', '？': '?' };

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
      return { text: withLatinMarks(this.#native.addPunct(text)) };
    } catch (thrown) {
      throw engineFailed(thrown);
    }
  }

  async close(): Promise<void> {}
}

/** Chinese marks behind Latin letters and numbers become Latin ones, with the space that belongs behind them. */
export function withLatinMarks(text: string): string {
  return text.replace(CHINESE_AFTER_LATIN, (mark, next: string) => LATIN[mark]! + (next === '' ? '' : ' '));
}
