import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { OpenModel } from '../../src/engines/contract.ts';
import type { ModelFile, ModelManifest } from '../../src/models/manifest.ts';

/** Writes a model's files into `folder` and describes them as a manifest does. */
export async function writeFiles(
  folder: string,
  files: Readonly<Record<string, Uint8Array | string>>,
): Promise<ModelFile[]> {
  const described: ModelFile[] = [];
  for (const [path, content] of Object.entries(files)) {
    const bytes = Buffer.from(content);
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
    described.push(describeBytes(bytes, path));
  }
  return described;
}

/** A file that is there, as a manifest describes it. */
export const describeFile = (file: string, path: string): ModelFile => describeBytes(readFileSync(file), path);

const describeBytes = (bytes: Uint8Array, path: string): ModelFile => ({
  path,
  bytes: bytes.length,
  sha256: createHash('sha256').update(bytes).digest('hex'),
});

/** The model as an engine receives it, with its files in `folder`. */
export function openModel(manifest: ModelManifest, folder: string): OpenModel {
  return {
    id: manifest.id,
    engine: manifest.engine,
    family: manifest.family,
    folder,
    assets: Object.fromEntries(Object.entries(manifest.assets).map(([role, path]) => [role, join(folder, path)])),
    options: manifest.options,
    languages: manifest.languages,
    voices: manifest.voices ?? [],
    ...(manifest.sampleRate === undefined ? {} : { sampleRate: manifest.sampleRate }),
  };
}
