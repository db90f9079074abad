import type { ModelManifest } from '../../models/manifest.ts';

/** The packaged recogniser: Debian's pocketsphinx-en-us, which the system keeps and updates. */
export const pocketsphinxManifest: ModelManifest = {
  id: 'pocketsphinx-en-us',
  kind: 'stt',
  engine: 'pocketsphinx',
  family: 'pocketsphinx',
  files: [],
  assets: {},
  options: {},
  revision: 'pocketsphinx-en-us of the system',
  licence: 'BSD-2-Clause',
  commercialUse: true,
  // Measured, rounded up: one process after its first recording.
  memoryBytes: 200_000_000,
  languages: ['en'],
  aliases: [],
  description:
    'CMU PocketSphinx, English: works with no download. Clear speech only; every other recogniser is better.',
};
