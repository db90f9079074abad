import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Where Debian's multiarch and other systems put shared libraries. */
const LIBRARY_FOLDERS = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib/arm-linux-gnueabihf',
  '/usr/lib64',
  '/usr/lib',
  '/usr/local/lib',
  '/opt/homebrew/lib',
];
/** Sonames of the API that `library.ts` speaks. */
const LIBRARY_NAMES = /^libpocketsphinx\.(so\.3(\..*)?|3\.dylib)$/;

export const DEFAULT_MODEL_DIR = '/usr/share/pocketsphinx/model/en-us';

/** The shared library of the recogniser, or undefined where it is not installed. */
export function findLibrary(): string | undefined {
  for (const folder of LIBRARY_FOLDERS) {
    if (!existsSync(folder)) continue;
    const name = readdirSync(folder).find((file) => LIBRARY_NAMES.test(file));
    if (name !== undefined) return join(folder, name);
  }
  return undefined;
}

export interface ModelPlaces {
  acoustic: string;
  /** How the acoustic model's features are made. */
  features: string;
  language: string;
  dictionary: string;
}

/** The parts of the acoustic model in a folder laid out as Debian's, or undefined where one is missing. */
export function findModel(folder: string): ModelPlaces | undefined {
  const places = {
    acoustic: join(folder, 'en-us'),
    features: join(folder, 'en-us/feat.params'),
    language: join(folder, 'en-us.lm.bin'),
    dictionary: join(folder, 'cmudict-en-us.dict'),
  };
  return Object.values(places).every((path) => existsSync(path)) ? places : undefined;
}
