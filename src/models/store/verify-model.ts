import { lstat, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { abortError } from '../../errors.ts';
import type { Hashing } from './hashing.ts';
import { expectedFiles, type KnownFile, readManifest } from './installed.ts';
import type { ProgressMeter } from './progress.ts';

/** What became of re-hashing one model. */
export interface VerifyResult {
  id: string;
  ok: boolean;
  /** Files and what is wrong with them; the path is empty for the model as a whole. */
  problems: readonly { path: string; reason: string }[];
  bytes: number;
}

/** Hashes every file of some installed models anew. Throws SpeechError `cancelled`. */
export async function verifyModels(
  models: readonly { id: string; folder: string }[],
  hashing: Hashing,
  signal: AbortSignal,
  meter: ProgressMeter,
): Promise<VerifyResult[]> {
  const listed = await Promise.all(
    models.map(async ({ id, folder }) => ({ id, folder, ...(await listFiles(id, folder)) })),
  );
  const total = listed.reduce((sum, { files }) => sum + bytesOf(files), 0);
  meter.begin('verifying', total);
  const results: VerifyResult[] = [];
  for (const { id, folder, files, reason } of listed) {
    const problems = reason === undefined ? [] : [{ path: '', reason }];
    for (const file of files) {
      if (signal.aborted) throw abortError(signal);
      const wrong = await problemOf(file, folder, hashing);
      if (wrong !== undefined) problems.push({ path: file.path, reason: wrong });
      meter.add(file.bytes);
    }
    results.push({ id, ok: problems.length === 0, problems, bytes: bytesOf(files) });
  }
  return results;
}

/** Whether every one of these files is there and right. Throws SpeechError `cancelled`. */
export async function allRight(
  files: readonly KnownFile[],
  folder: string,
  { hashing, signal, meter }: { hashing: Hashing; signal: AbortSignal; meter: ProgressMeter },
): Promise<boolean> {
  meter.begin('verifying', bytesOf(files));
  for (const file of files) {
    if (signal.aborted) throw abortError(signal);
    if ((await problemOf(file, folder, hashing)) !== undefined) return false;
    meter.add(file.bytes);
  }
  return true;
}

async function listFiles(id: string, folder: string): Promise<{ files: readonly KnownFile[]; reason?: string }> {
  try {
    const manifest = await readManifest(folder);
    if (manifest?.id !== id) throw new Error('its manifest is for another model');
    return { files: await expectedFiles(manifest, folder) };
  } catch (error) {
    return { files: [], reason: (error as Error).message };
  }
}

const bytesOf = (files: readonly KnownFile[]): number => files.reduce((sum, { bytes }) => sum + bytes, 0);

async function problemOf(file: KnownFile, folder: string, hashing: Hashing): Promise<string | undefined> {
  const path = join(folder, file.path);
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined) return 'it is missing';
  if (!stats.isFile() || !(await realpath(path)).startsWith((await realpath(folder)) + sep))
    return 'it is not a plain file';
  if (stats.size !== file.bytes) return `it has ${stats.size} bytes instead of ${file.bytes}`;
  const sha256 = await hashing
    .follow(path)
    .finish(file.bytes)
    .catch(() => undefined);
  if (sha256 === undefined) return 'it cannot be read';
  return sha256 === file.sha256 ? undefined : 'it does not have the SHA-256 of its manifest';
}
