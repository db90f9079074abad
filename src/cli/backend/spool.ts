import { createWriteStream } from 'node:fs';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SpeechError } from '../../errors.ts';
import type { Recording } from './backend.ts';

/** A recording on disk: the codecs read files. */
export interface FileOnDisk {
  path: string;
  /** Removes it, if it was made for the occasion. */
  discard: () => Promise<void>;
}

/** The recording's own file, or a private temporary one with all of its stream, which may hold `maxBytes`. */
export async function withFile(
  { name, path, stream }: Recording,
  maxBytes: number,
  signal: AbortSignal,
): Promise<FileOnDisk> {
  if (stream === undefined) {
    await access(path!).catch(() => {
      throw new SpeechError('not_found', `There is no file ${name} that can be read.`);
    });
    return { path: resolve(path!), discard: async () => {} };
  }
  const folder = await mkdtemp(join(tmpdir(), 'open-speech-'));
  const discard = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const file = join(folder, 'recording');
  try {
    const bounded = Readable.from(atMost(stream, maxBytes));
    await pipeline(bounded, createWriteStream(file, { mode: 0o600 }), { signal });
    return { path: file, discard };
  } catch (error) {
    await discard();
    throw error;
  }
}

async function* atMost(stream: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new SpeechError('too_large', `The recording is larger than ${maxBytes} bytes.`);
    yield chunk;
  }
}
