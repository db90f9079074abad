import type { Settings } from '../../config/kinds.ts';
import type { Punctuate } from '../../deepgram/channel.ts';
import { SpeechError } from '../../errors.ts';
import type { LiveCaller } from '../../live/contract.ts';
import type { CatalogModel } from '../../models/catalog.ts';
import type { Names } from '../../models/names.ts';
import { Calls } from '../../speech/steps/calls.ts';
import { stepModels } from '../../speech/steps/models.ts';
import { PUNCTUATED } from '../../speech/transcribe.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Router } from '../../workers/router.ts';

/** Live words are worth more than their marks: so long they may wait for them. */
const LONGEST_WAIT_MS = 5000;

export interface PunctuationDeps {
  router: Router;
  names: Names;
  settings: Settings;
  log: Log;
}

/**
 * What punctuates the words of a recogniser; undefined where no model here does it in that language, because a wish that
 * cannot be fulfilled is no reason to refuse the words.
 */
export function punctuation(
  { router, names, settings, log }: PunctuationDeps,
  recogniser: CatalogModel,
  language: string | undefined,
  caller: LiveCaller,
): Punctuate | undefined {
  const model = modelFor(recogniser, language, names, settings);
  if (model === undefined) return undefined;
  const { requestId, keyId, signal } = caller;
  return async (text) => {
    if (text === '' || PUNCTUATED.test(text)) return text;
    try {
      const calls = new Calls({ router, requestId, caller: keyId, timeoutMs: LONGEST_WAIT_MS, signal });
      return (await calls.one('punctuate', model, { text }, { first: true, cost: text.length })).text;
    } catch (thrown) {
      const { code } = SpeechError.from(thrown);
      if (!signal.aborted) log.info('Live words went without punctuation', { requestId, code });
      return text;
    }
  };
}

function modelFor(
  recogniser: CatalogModel,
  language: string | undefined,
  names: Names,
  settings: Settings,
): CatalogModel | undefined {
  try {
    const wanted = { punctuate: true, denoise: false, ...(language === undefined ? {} : { language }) };
    return stepModels(wanted, recogniser, names, settings).punctuate;
  } catch (thrown) {
    if (thrown instanceof SpeechError && thrown.code === 'unsupported_by_model') return undefined;
    throw thrown;
  }
}
