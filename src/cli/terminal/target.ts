import { once } from 'node:events';
import { type FileHandle, open, rm } from 'node:fs/promises';

/** Where a command's result goes, piece by piece. */
export interface Target {
  write(data: Uint8Array | string): Promise<void>;
  /** All of it has been written. */
  finish(): Promise<void>;
  /** No more will come: nothing half-made stays behind. */
  abandon(): Promise<void>;
}

export const standardOutput: Target = {
  async write(data) {
    if (!process.stdout.write(data)) await once(process.stdout, 'drain');
  },
  finish: async () => {},
  abandon: async () => {},
};

/**
 * A file that is made with its first byte: what fails before leaves an older file as it was. What fails later leaves
 * none. Things that are no plain files, such as `/dev/null`, are written to and left alone.
 */
export class FileTarget implements Target {
  readonly path: string;
  #exclusive: boolean;
  #handle: FileHandle | undefined;
  #plain = false;
  #atEnd: ((handle: FileHandle, bytes: number) => Promise<void>) | undefined;
  #bytes = 0;

  /** With `exclusive` a file that exists is an error. `atEnd` may put right what only the end knows. */
  constructor(
    path: string,
    options: { exclusive?: boolean; atEnd?: (handle: FileHandle, bytes: number) => Promise<void> } = {},
  ) {
    this.path = path;
    this.#exclusive = options.exclusive ?? false;
    this.#atEnd = options.atEnd;
  }

  async write(data: Uint8Array | string): Promise<void> {
    if (this.#handle === undefined) {
      this.#handle = await open(this.path, this.#exclusive ? 'wx' : 'w').catch((error: NodeJS.ErrnoException) => {
        throw error.code === 'ENOENT' ? new Error(`there is no folder for '${this.path}'`, { cause: error }) : error;
      });
      this.#plain = (await this.#handle.stat()).isFile();
    }
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    await this.#handle.writeFile(bytes);
    this.#bytes += bytes.length;
  }

  async finish(): Promise<void> {
    if (this.#handle === undefined) await this.write('');
    if (this.#plain) await this.#atEnd?.(this.#handle!, this.#bytes);
    await this.#handle!.close();
  }

  async abandon(): Promise<void> {
    await this.#handle?.close();
    if (this.#plain) await rm(this.path, { force: true });
  }
}
