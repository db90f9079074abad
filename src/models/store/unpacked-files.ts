import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SpeechError } from '../../errors.ts';
import type { ModelArchive, ModelManifest } from '../manifest.ts';
import { INSTALLED_FILE, MANIFEST_FILE } from './installed.ts';

export interface UnpackedFile {
  /** Relative, with slashes. */
  path: string;
  size: number;
}

/**
 * Every file below a folder that a process with a stranger's archive has filled. Throws SpeechError `unsafe_archive`
 * for anything but plain files and folders, in case that process was not itself any more.
 */
export async function filesBelow(folder: string): Promise<UnpackedFile[]> {
  const files: UnpackedFile[] = [];
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    const stats = await lstat(join(folder, name));
    if (stats.isDirectory()) continue;
    if (!stats.isFile() || stats.nlink !== 1) {
      throw new SpeechError('unsafe_archive', 'An archive left something other than plain files behind.', {
        detail: name,
      });
    }
    files.push({ path: name.replaceAll('\\', '/'), size: stats.size });
  }
  return files;
}

/**
 * The files that a manifest takes out of its archive: those it lists, and those of the folders it keeps. A file that
 * has a URL of its own is never taken from the archive. Throws SpeechError `integrity_failed` where a listed one is
 * missing.
 */
export function chooseFiles(
  unpacked: readonly UnpackedFile[],
  manifest: Pick<ModelManifest, 'id' | 'files'>,
  { keep }: Pick<ModelArchive, 'keep'>,
): UnpackedFile[] {
  const listed = new Set(manifest.files.filter(({ url }) => url === undefined).map(({ path }) => path));
  // Names are compared without case, so that the folder is the same on every kind of disk.
  const others = [...manifest.files.map(({ path }) => path), MANIFEST_FILE, INSTALLED_FILE];
  const taken = new Set(others.map((path) => path.toLowerCase()));
  const kept = (path: string): boolean =>
    !taken.has(path.toLowerCase()) && (keep === 'all' || keep.some((folder) => path.startsWith(`${folder}/`)));
  const chosen = unpacked.filter(({ path }) => listed.has(path) || kept(path));
  const found = new Set(chosen.map(({ path }) => path));
  for (const path of listed) {
    if (!found.has(path)) {
      throw new SpeechError('integrity_failed', `The archive of '${manifest.id}' does not hold ${path}.`);
    }
  }
  return chosen;
}
