/** The thread of `hashing.ts`. */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import type { FromHasher, ToHasher } from './hashing.ts';

const BLOCK_BYTES = 512 * 1024;
const block = Buffer.allocUnsafe(BLOCK_BYTES);

interface Followed {
  file: number;
  hash: Hash;
  hashed: number;
}
const files = new Map<number, Followed>();
const failures = new Map<number, string>();

function hashUpTo(followed: Followed, to: number): void {
  while (followed.hashed < to) {
    const wanted = Math.min(BLOCK_BYTES, to - followed.hashed);
    const read = readSync(followed.file, block, 0, wanted, followed.hashed);
    if (read === 0) throw new Error('the file is shorter than what was written to it');
    followed.hash.update(block.subarray(0, read));
    followed.hashed += read;
  }
}

function close(id: number): void {
  const followed = files.get(id);
  if (followed !== undefined) closeSync(followed.file);
  files.delete(id);
  failures.delete(id);
}

function answer(message: FromHasher): void {
  parentPort!.postMessage(message);
}

parentPort!.on('message', (message: ToHasher) => {
  const { id } = message;
  try {
    if (message.act === 'open') {
      files.set(id, { file: openSync(message.path, 'r'), hash: createHash('sha256'), hashed: 0 });
    } else if (message.act === 'drop') {
      close(id);
    } else {
      const followed = files.get(id);
      if (followed !== undefined) hashUpTo(followed, message.to);
      if (message.act === 'advance') return;
      if (followed === undefined) answer({ id, failed: failures.get(id) ?? 'the file is not open' });
      else answer({ id, sha256: followed.hash.digest('hex') });
      close(id);
    }
  } catch (error) {
    close(id);
    failures.set(id, (error as Error).message);
    if (message.act === 'finish') {
      answer({ id, failed: (error as Error).message });
      failures.delete(id);
    }
  }
});
