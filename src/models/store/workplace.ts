import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ModelManifest } from '../manifest.ts';
import { exists, flushFolder, flushTree, putAside, writeDurably } from './disk.ts';
import { contentName, INSTALLED_FILE, type Installed, type KnownFile, MANIFEST_FILE } from './installed.ts';
import { idOfIncoming, type Layout } from './layout.ts';

const PURPOSE_FILE = 'purpose';
const MODEL = 'model';
const UNPACKED = 'unpacked-';

/**
 * The folder in which one model is put together, out of everybody's sight: `model/` with the files that are right,
 * `parts/` with those that are still coming. It outlives a kill and is found again by the next call for the same
 * content. Whoever has it open holds the lock of the model's id.
 */
export class Workplace {
  readonly folder: string;
  #layout: Layout;
  #manifest: ModelManifest;

  private constructor(layout: Layout, manifest: ModelManifest, folder: string) {
    this.#layout = layout;
    this.#manifest = manifest;
    this.folder = folder;
  }

  /** Finds the workplace that an earlier call left for this content, or makes one. Others of the same id are deleted. */
  static async open(layout: Layout, manifest: ModelManifest): Promise<Workplace> {
    const wanted = contentName(manifest);
    let found: string | undefined;
    for (const name of await readdir(layout.incoming)) {
      if (idOfIncoming(name) !== manifest.id) continue;
      const folder = join(layout.incoming, name);
      const content = await readFile(join(folder, PURPOSE_FILE), 'utf8').catch(() => undefined);
      if (content === wanted && found === undefined) found = folder;
      else await rm(folder, { recursive: true, force: true });
    }
    if (found === undefined) {
      found = layout.newIncoming(manifest.id);
      await mkdir(join(found, 'parts'), { recursive: true });
      await mkdir(join(found, MODEL), { recursive: true });
      await writeDurably(join(found, PURPOSE_FILE), wanted);
    }
    return new Workplace(layout, manifest, found);
  }

  /**
   * A new, empty folder to unpack into. It never has the name of an earlier one: a process that outlived its server
   * for a moment may still be writing there.
   */
  async newUnpacked(): Promise<string> {
    for (const name of await readdir(this.folder)) {
      if (name.startsWith(UNPACKED)) await rm(join(this.folder, name), { recursive: true, force: true, maxRetries: 5 });
    }
    return await mkdtemp(join(this.folder, UNPACKED));
  }

  get archive(): string {
    return join(this.folder, 'archive');
  }

  /** Where a file of the model is put once it is right. Its folder is made. */
  async placeOf(path: string): Promise<string> {
    const place = join(this.folder, MODEL, path);
    await mkdir(dirname(place), { recursive: true });
    return place;
  }

  /** Where a file lies while it comes. */
  stemOf(name: string): string {
    return join(this.folder, 'parts', name);
  }

  /** Bytes that lie here already. */
  async bytes(): Promise<number> {
    const names = await readdir(this.folder, { recursive: true });
    const sizes = await Promise.all(names.map((name) => stat(join(this.folder, name)).catch(() => undefined)));
    return sizes.reduce((sum, stats) => sum + (stats?.isFile() ? stats.size : 0), 0);
  }

  /**
   * Makes the finished model visible, in one step and only after all of it is on the disk. An older version of the
   * model goes to the trash just before: for that moment the model is absent, and after being killed in it until
   * `recover` does the second step.
   */
  async publish(files: readonly KnownFile[], from: string): Promise<void> {
    const model = join(this.folder, MODEL);
    const installed: Installed = {
      format: 1,
      content: contentName(this.#manifest),
      installedAt: new Date().toISOString(),
      from,
      files: files.map(({ path, bytes, sha256 }) => ({ path, bytes, sha256 })),
    };
    await writeDurably(join(model, INSTALLED_FILE), `${JSON.stringify(installed)}\n`);
    await writeDurably(join(model, MANIFEST_FILE), `${JSON.stringify(this.#manifest, null, 2)}\n`);
    await flushTree(model);
    const { id } = this.#manifest;
    const target = this.#layout.folder(id);
    const trash = this.#layout.newTrash(id);
    const replaced = await putAside(target, trash);
    await rename(model, target);
    await flushFolder(this.#layout.root);
    await this.discard();
    if (replaced) await rm(trash, { recursive: true, force: true, maxRetries: 5 });
  }

  async discard(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/**
 * Takes the second step of a `publish` that was killed between its two: the manifest is the last thing that it writes
 * before them. False where this was not the case.
 */
export async function finishPublishing(layout: Layout, id: string, folder: string): Promise<boolean> {
  const model = join(folder, MODEL);
  if ((await exists(layout.folder(id))) || !(await exists(join(model, MANIFEST_FILE)))) return false;
  await rename(model, layout.folder(id));
  await flushFolder(layout.root);
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  return true;
}
