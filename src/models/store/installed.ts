import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type ModelManifest, modelFileSchema, modelManifestSchema } from '../manifest.ts';

/** The two files that the store adds to a model's folder. */
export const MANIFEST_FILE = 'manifest.json';
export const INSTALLED_FILE = 'installed.json';
const MAX_BYTES = 16 * 1024 * 1024;

/** A file whose bytes are known. */
export const knownFileSchema = z.strictObject({ ...modelFileSchema.shape, url: z.never().optional() }).required({
  bytes: true,
  sha256: true,
});

/** What the store wrote down when it finished a model: every file with the size and hash it had then. */
const installedSchema = z.strictObject({
  format: z.literal(1),
  content: z.string(),
  installedAt: z.iso.datetime(),
  /** `download`, or the fingerprint of the bundle's signer. */
  from: z.string().max(200),
  files: z.array(knownFileSchema),
});

export type Installed = z.infer<typeof installedSchema>;
export type KnownFile = z.infer<typeof knownFileSchema>;

/**
 * Names what a manifest would put on the disk, as a SHA-256 in hex: two manifests with the same files from the same
 * archive have the same name, whatever they say about URLs, voices or quality.
 */
export function contentName(manifest: ModelManifest): string {
  const files = manifest.files
    .map(({ path, bytes, sha256, url }) => [path, bytes ?? null, sha256 ?? null, url === undefined])
    .sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
  const { sha256, format, stripComponents, keep } = manifest.archive ?? {};
  const archive = manifest.archive === undefined ? null : [sha256, format, stripComponents, keep];
  return createHash('sha256')
    .update(JSON.stringify([manifest.id, files, archive]))
    .digest('hex');
}

/** Reads the manifest in a model's folder, or undefined where there is none. Throws an Error for a broken one. */
export async function readManifest(folder: string): Promise<ModelManifest | undefined> {
  const text = await readSmall(join(folder, MANIFEST_FILE));
  return text === undefined ? undefined : modelManifestSchema.parse(JSON.parse(text));
}

/** Reads what the store wrote down about a model's folder, or undefined where it did not make that folder. */
export async function readInstalled(folder: string): Promise<Installed | undefined> {
  const text = await readSmall(join(folder, INSTALLED_FILE));
  return text === undefined ? undefined : installedSchema.parse(JSON.parse(text));
}

/**
 * Every file that must be right before an engine may read the folder: those of the manifest, and those that came out
 * of its archive, with the hashes that were written down when it was unpacked. The manifest's word goes first. Throws
 * an Error with the reason where a hash is known from neither.
 */
export async function expectedFiles(manifest: ModelManifest, folder: string): Promise<readonly KnownFile[]> {
  const expected = new Map<string, KnownFile>();
  if (manifest.archive !== undefined) {
    const installed = await readInstalled(folder);
    if (installed === undefined) throw new Error(`${INSTALLED_FILE} is missing`);
    if (installed.content !== contentName(manifest)) throw new Error('its manifest changed after it was unpacked');
    for (const file of installed.files) expected.set(file.path, file);
  }
  for (const { path, bytes, sha256 } of manifest.files) {
    if (bytes !== undefined && sha256 !== undefined) expected.set(path, { path, bytes, sha256 });
    else if (!expected.has(path)) throw new Error(`no hash of ${path} is known`);
  }
  return [...expected.values()];
}

async function readSmall(path: string): Promise<string | undefined> {
  try {
    if ((await stat(path)).size > MAX_BYTES) throw new Error('the file is too large');
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
