import { lstat, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { SpeechError } from '../errors.ts';
import type { ModelManifest } from './manifest.ts';
import { isFetchable } from './needs.ts';
import { Hashing } from './store/hashing.ts';
import { expectedFiles, type KnownFile } from './store/installed.ts';

/**
 * Checks model files against their manifest before an engine may read them. A file once found right is not hashed
 * again until its size, times or inode change, so a swapped file is seen at the next load.
 */
export class Verifier {
  /** Path to the fingerprint under which it was found right. */
  #verified = new Map<string, string>();
  #running = new Map<string, Promise<void>>();

  /** Throws SpeechError `model_unavailable` that names the model and the file, never the server's folders. */
  async verify(manifest: ModelManifest, folder: string): Promise<void> {
    const root = await realpath(folder).catch(() => undefined);
    if (root === undefined) throw refused(manifest, 'its folder is missing');
    const files = await expectedFiles(manifest, root).catch((error: Error) => {
      throw refused(manifest, error.message);
    });
    // One thread for all of them: voices bring hundreds of small files. It starts with the first that has to be hashed.
    const hashing = new Hashing();
    try {
      for (const file of files) {
        const path = join(root, file.path);
        const running = this.#running.get(path) ?? this.#verifyFile(manifest, file, path, root, hashing);
        this.#running.set(path, running);
        try {
          await running;
        } finally {
          this.#running.delete(path);
        }
      }
    } finally {
      await hashing.close();
    }
  }

  async #verifyFile(
    manifest: ModelManifest,
    file: KnownFile,
    path: string,
    root: string,
    hashing: Hashing,
  ): Promise<void> {
    const stats = await lstat(path, { bigint: true }).catch(() => undefined);
    if (stats === undefined) throw refused(manifest, `${file.path} is missing`);
    // A link could point anywhere, and point elsewhere after the check.
    if (!stats.isFile() || !(await realpath(path)).startsWith(root + sep)) {
      throw refused(manifest, `${file.path} is not a plain file inside the model's folder`);
    }
    if (stats.size !== BigInt(file.bytes)) {
      throw refused(manifest, `${file.path} has ${stats.size} bytes instead of ${file.bytes}`);
    }
    const fingerprint = `${file.sha256}:${stats.size}:${stats.ino}:${stats.mtimeNs}:${stats.ctimeNs}`;
    if (this.#verified.get(path) === fingerprint) return;
    const sha256 = await hashing
      .follow(path)
      .finish(file.bytes)
      .catch(() => undefined);
    if (sha256 === undefined) throw refused(manifest, `${file.path} cannot be read`);
    if (sha256 !== file.sha256) {
      this.#verified.delete(path);
      throw refused(manifest, `${file.path} does not have the SHA-256 of its manifest`);
    }
    this.#verified.set(path, fingerprint);
  }
}

function refused(manifest: ModelManifest, reason: string): SpeechError {
  const { id } = manifest;
  const remedy = isFetchable(manifest) ? ` Get it again with: open-speech models pull ${id}` : '';
  return new SpeechError('model_unavailable', `The model '${id}' cannot be used: ${reason}.${remedy}`, {
    param: 'model',
  });
}
