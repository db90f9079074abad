import { join } from 'node:path';
import { loadSettings } from '../../src/config/load.ts';
import { findLibrary } from '../../src/engines/vosk/places.ts';
import { engineOptions } from '../../src/models/engine-options.ts';
import { needs } from './needs.ts';

/** What this machine's settings say to the engine, as in production. */
export const voskOptions = engineOptions(loadSettings({ env: process.env }).settings).vosk!;

/** For the `skip` option of a test that loads libvosk. */
export const needsVosk = needs({
  libvosk: findLibrary(voskOptions) ?? join(String(voskOptions.libraryFolder), 'libvosk'),
});
