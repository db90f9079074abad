import { espeakManifest } from '../engines/espeak/manifest.ts';
import { pocketsphinxManifest } from '../engines/pocketsphinx/manifest.ts';
import type { ModelManifest } from './manifest.ts';

/** Models that come with the installation or with the system's packages: no file of theirs is ours to verify. */
export const packagedManifests: readonly ModelManifest[] = [espeakManifest, pocketsphinxManifest];
