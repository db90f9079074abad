import type { Settings } from '../config/kinds.ts';
import type { OpenModel } from '../engines/contract.ts';

/** What this machine's settings say to engines about their packaged models, by engine. */
export function engineOptions(settings: Settings): Readonly<Record<string, OpenModel['options']>> {
  return { pocketsphinx: { modelDir: settings.pocketsphinxModelDir } };
}
