import type { Settings } from '../config/kinds.ts';
import type { OpenModel } from '../engines/contract.ts';
import { voskFolder } from '../engines/vosk/places.ts';

/** What this machine's settings say to engines, by engine. A manifest cannot overrule it. */
export function engineOptions(settings: Settings): Readonly<Record<string, OpenModel['options']>> {
  return {
    pocketsphinx: { modelDir: settings.pocketsphinxModelDir },
    vosk: { library: settings.voskLibrary, libraryFolder: voskFolder(settings.dataDir) },
  };
}
