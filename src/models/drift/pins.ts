import type { ModelManifest } from '../manifest.ts';

/** What a manifest says that a place of the Internet holds. */
export interface Pin {
  /** Id of the first model that names it. */
  model: string;
  url: string;
  bytes: number;
  sha256: string;
}

/** Every file and archive that these manifests fetch, each place once. */
export function pinsOf(manifests: readonly ModelManifest[]): Pin[] {
  const pins = new Map<string, Pin>();
  for (const { id, files, archive } of manifests) {
    for (const { url, bytes, sha256 } of [...files, ...(archive === undefined ? [] : [archive])]) {
      if (url === undefined || bytes === undefined || sha256 === undefined || pins.has(url)) continue;
      pins.set(url, { model: id, url, bytes, sha256 });
    }
  }
  return [...pins.values()];
}
