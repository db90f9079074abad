import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface PackageFiles {
  folder: string;
  /** The compiled dictionaries and voices. */
  data: string;
}

/** Where the optional dependency with the WASM build lies; undefined when it was left out at install. */
export function packageFiles(): PackageFiles | undefined {
  try {
    const folder = dirname(fileURLToPath(import.meta.resolve('@echogarden/espeak-ng-emscripten')));
    const data = join(folder, 'espeak-ng.data');
    return existsSync(data) ? { folder, data } : undefined;
  } catch {
    return undefined;
  }
}
