import { setImmediate } from 'node:timers/promises';
import { abortError } from '../../../errors.ts';

/**
 * Cuts samples into slices of `length`, the last one shorter. Between some of them, every `restEvery` samples, the event
 * loop gets a turn and an abort is noticed: native calls are synchronous.
 */
export async function* slices(
  pcm: Float32Array,
  length: number,
  restEvery: number,
  signal: AbortSignal,
): AsyncGenerator<Float32Array> {
  let rested = 0;
  for (let at = 0; at < pcm.length; at += length) {
    if (signal.aborted) throw abortError(signal);
    yield pcm.subarray(at, at + length);
    if (at - rested < restEvery) continue;
    rested = at;
    await setImmediate();
  }
  if (signal.aborted) throw abortError(signal);
}
