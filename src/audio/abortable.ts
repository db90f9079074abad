import { abortError } from '../errors.ts';

/**
 * A source that also ends when the signal fires, with the signal's error, even while it is being waited for. The
 * source is told to stop in every case but its own end.
 */
export async function* abortable<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      const step = await nextOrAbort(iterator, signal).catch((error) => {
        ended = !signal.aborted;
        throw error;
      });
      if (step.done) {
        ended = true;
        return;
      }
      yield step.value;
    }
  } finally {
    if (!ended) {
      const stopped = Promise.resolve(iterator.return?.()).catch(() => {});
      // A source that hangs must not hang us too.
      if (!signal.aborted) await stopped;
    }
  }
}

/** One listener for each step, so that nothing of a step outlives it. */
function nextOrAbort<T>(iterator: AsyncIterator<T>, signal: AbortSignal): Promise<IteratorResult<T>> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(abortError(signal));
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    iterator
      .next()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', onAbort));
  });
}
