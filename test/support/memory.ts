import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes that are really in use: what is no longer needed was taken back first. Buffers count too. */
export function bytesInUse(): number {
  for (let i = 0; i < 3; i++) collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Resident bytes of this process, after taking back what is no longer needed. */
export function residentBytes(): number {
  collect();
  return process.memoryUsage.rss();
}
