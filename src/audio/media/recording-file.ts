import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** A recording on disk, read synchronously: its reader has a process to itself. */
export class RecordingFile {
  readonly size: number;
  #fd: number;

  constructor(path: string) {
    this.#fd = openSync(path, 'r');
    this.size = fstatSync(this.#fd).size;
  }

  /** The bytes at a position, fewer at the end, none after it. */
  readAt = (position: number, length: number): Buffer => {
    const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(length, this.size - position)));
    const read = readSync(this.#fd, bytes, 0, bytes.length, position);
    return bytes.subarray(0, read);
  };

  close(): void {
    closeSync(this.#fd);
  }
}
