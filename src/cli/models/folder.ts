import { resolve } from 'node:path';
import type { Settings } from '../../config/kinds.ts';
import { isFetchable } from '../../models/needs.ts';
import type { ModelLibrary } from '../../speech/library.ts';
import { openOwnLibrary, type PullProgress } from '../backend/model-shop.ts';
import { tellOwnServer } from '../backend/own-server.ts';
import type { ModelsOptions } from '../models.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { printable, printJson, size } from '../terminal/output.ts';
import { showProgress } from '../terminal/progress.ts';
import { progressLine } from './change.ts';

/** `models verify`: hashes every file anew. Ends with 1 where one is not what it should be. */
export async function verify(names: readonly string[], settings: Settings, { json }: ModelsOptions): Promise<number> {
  return await inFolder(settings, 'verify', async (library, tools) => {
    const ids = names.map((name) => library.find(name).manifest.id);
    const results = await library.store.verify(ids.length === 0 ? 'all' : ids, tools);
    if (json) printJson(results);
    else if (results.length === 0) process.stderr.write('no model was fetched, so there is nothing to verify\n');
    else {
      for (const { id, ok, bytes, problems } of results) {
        const wrong = problems.map(({ path, reason }) => `\n  ${path === '' ? '' : `${path}: `}${reason}`).join('');
        const manifest = library.list().find((model) => model.manifest.id === id)?.manifest;
        const mend = manifest && isFetchable(manifest) ? `\n  Get it again with: open-speech models pull ${id}` : '';
        process.stdout.write(printable(`${id}: ${ok ? `right, ${size(bytes)}` : `wrong${wrong}${mend}`}\n`));
      }
    }
    return results.every(({ ok }) => ok) ? 0 : 1;
  });
}

/** `models export` */
export async function exportModel(
  name: string,
  file: string,
  settings: Settings,
  { json }: ModelsOptions,
): Promise<number> {
  return await inFolder(settings, name, async (library, tools) => {
    const { id } = library.find(name).manifest;
    await library.store.export(id, resolve(file), tools);
    const { signer } = library.store;
    if (json) printJson({ model: id, file, signer });
    else process.stdout.write(`${id}: written to ${file}, signed by ${signer}\n`);
    return 0;
  });
}

/** `models import` */
export async function importModel(file: string, settings: Settings, options: ModelsOptions): Promise<number> {
  return await inFolder(settings, file, async (library, tools) => {
    const acceptSigner = options['accept-signer'];
    const { id, signer } = await library.store.import(resolve(file), {
      ...tools,
      allowSingleSource: options['allow-single-source'] ?? false,
      acceptLicence: options['accept-licence'] ?? false,
      ...(acceptSigner === undefined ? {} : { acceptSigner }),
    });
    if (options.json) printJson({ model: id, signer });
    else process.stdout.write(`${id}: ready, signed by ${signer}\n`);
    const told = await tellOwnServer(settings);
    if (told !== undefined) process.stderr.write(`${told}\n`);
    return 0;
  });
}

interface Tools {
  signal: AbortSignal;
  onProgress: (progress: PullProgress) => void;
}

async function inFolder(
  settings: Settings,
  what: string,
  work: (library: ModelLibrary, tools: Tools) => Promise<number>,
): Promise<number> {
  const library = await openOwnLibrary(settings);
  let latest: PullProgress | undefined;
  const progress = showProgress(() => progressLine(what, latest));
  const onProgress = (now: PullProgress): void => {
    latest = now;
  };
  try {
    return await interruptible((signal) => work(library, { signal, onProgress }));
  } finally {
    progress.end();
    await library.close();
  }
}
