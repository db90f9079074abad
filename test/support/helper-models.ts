import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { ModelManifest } from '../../src/models/manifest.ts';
import { describeFile } from '../models/files.ts';
import type { TestServer } from './server.ts';

/** Puts a model that a test builds where a running server finds it. */
export async function addBuilt(
  server: TestServer,
  id: string,
  build: (folder: string) => Promise<ModelManifest>,
): Promise<void> {
  const folder = join(server.dataDir, 'models', id);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ ...(await build(folder)), id }));
  await server.server.library.refresh();
}

/** The same for a model that is one file. */
export function addFile(
  server: TestServer,
  file: string,
  { id, kind, family }: Pick<ModelManifest, 'id' | 'kind' | 'family'>,
): Promise<void> {
  return addBuilt(server, id, async (folder) => {
    const path = basename(file);
    copyFileSync(file, join(folder, path));
    return {
      ...{
        id,
        kind,
        family,
        engine: 'sherpa',
        files: [describeFile(join(folder, path), path)],
        assets: { model: path },
      },
      ...{
        options: {},
        revision: 'copied',
        licence: 'MIT',
        languages: ['mul'],
        aliases: [],
        description: 'For tests.',
      },
    };
  });
}
