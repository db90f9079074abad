/** Thread that hashes model files, so that gigabytes never pass through the server's event loop. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';

const BLOCK_BYTES = 1 << 20;
const { path } = workerData as { path: string };
const hash = createHash('sha256');
const block = Buffer.allocUnsafe(BLOCK_BYTES);
const file = openSync(path, 'r');
try {
  for (let read = readSync(file, block); read > 0; read = readSync(file, block)) hash.update(block.subarray(0, read));
} finally {
  closeSync(file);
}
parentPort?.postMessage(hash.digest('hex'));
