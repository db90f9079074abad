/**
 * Works on several items at once and yields the results in the items' order. One that fails ends the iteration; whoever
 * asked ends the work that is still under way.
 */
export async function* mapAhead<T, R>(
  source: AsyncIterable<T>,
  atOnce: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const items = source[Symbol.asyncIterator]();
  const running: Promise<R>[] = [];
  let ended = false;
  try {
    while (!ended || running.length > 0) {
      while (!ended && running.length < atOnce) {
        const next = await items.next();
        if (next.done === true) {
          ended = true;
          break;
        }
        const result = work(next.value);
        result.catch(() => {});
        running.push(result);
      }
      const first = running.shift();
      if (first !== undefined) yield await first;
    }
  } finally {
    await items.return?.();
  }
}
