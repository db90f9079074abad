import type { ModelManifest } from './manifest.ts';

/** Consents that fetching a model asks for, by the names of the fields that give them. */
export type ConsentField = 'allow_single_source' | 'accept_licence';

/** Which consents a model needs. A manifest that says nothing counts as one that needs it. */
export function consentsFor({ confidence, commercialUse }: ModelManifest): ConsentField[] {
  return [
    ...(confidence === 'two-sources' || confidence === 'computed' ? [] : ['allow_single_source' as const]),
    ...(commercialUse === true ? [] : ['accept_licence' as const]),
  ];
}

/** Whether a model's manifest says where all of it can be had. */
export function isFetchable({ files, archive }: ModelManifest): boolean {
  return archive !== undefined || files.every(({ url }) => url !== undefined);
}

/** Bytes that are fetched to get a model: its archive, and files with an address of their own. */
export function downloadBytes({ files, archive }: ModelManifest): number {
  return [...files, ...(archive === undefined ? [] : [archive])]
    .filter(({ url }) => url !== undefined)
    .reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
}

/** What a model takes on the disk, as far as its manifest says; else what is fetched to get it. */
export function diskBytes(manifest: ModelManifest): number {
  return manifest.archive === undefined
    ? manifest.files.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0)
    : downloadBytes(manifest);
}

/** A process without a model, and what a model takes for each byte of its files: see docs/models.md. */
const PROCESS_BYTES = 100_000_000;
const MEMORY_PER_BYTE = 1.5;

/** What a process takes that holds the model, as its manifest says, else as its files let one expect. */
export function memoryBytes(manifest: ModelManifest): number {
  return manifest.memoryBytes ?? PROCESS_BYTES + Math.round(MEMORY_PER_BYTE * diskBytes(manifest));
}
