/** The threads of `bunzip2.ts`. */
import { parentPort } from 'node:worker_threads';
import Bzip2 from '@foxglove/wasm-bz2';
import type { FromBlockThread, ToBlockThread } from './bunzip2.ts';

/** A block of 900 kB, before bzip2's first step, the packing of runs, is undone. */
const USUAL_BYTES = 1024 * 1024;
/** The most that step can make of it: each five bytes become up to 259. */
const MOST_BYTES = Math.ceil((900_000 / 5) * 259);
const TOO_SMALL = /failed: -8\b/;

const bzip2 = await Bzip2.init();

function unpack(stream: Uint8Array): Uint8Array {
  try {
    return bzip2.decompress(stream, USUAL_BYTES);
  } catch (error) {
    if (!TOO_SMALL.test((error as Error).message)) throw error;
    return bzip2.decompress(stream, MOST_BYTES);
  }
}

parentPort!.on('message', ({ stream }: ToBlockThread) => {
  let answer: FromBlockThread;
  try {
    answer = { content: unpack(stream) };
  } catch {
    answer = { content: undefined };
  }
  parentPort!.postMessage(answer, answer.content === undefined ? [] : [answer.content.buffer as ArrayBuffer]);
});
