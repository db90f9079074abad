import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Recording } from './backend/backend.ts';

/**
 * The recording that a word of the command line means: a file, stdin (`-`), or what is no plain file, such as a named
 * pipe, and can be read once. Throws an Error for a folder, and where there is nothing.
 */
export async function openRecording(name: string): Promise<Recording & { end: () => void }> {
  if (name === '-') return streamed('recording', process.stdin);
  const found = await stat(name);
  if (found.isDirectory()) throw new Error(`'${name}' is a folder`);
  return found.isFile() ? { name, path: name, end: () => {} } : streamed(name, createReadStream(name));
}

function streamed(name: string, stream: NodeJS.ReadStream | ReturnType<typeof createReadStream>) {
  // Where the recording was refused there may be more of it, for which nobody waits.
  return { name, stream, end: () => void stream.destroy() };
}
