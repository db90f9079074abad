import { SpeechError, shuttingDown } from '../errors.ts';
import type { Arrival, ModelLibrary } from '../speech/library.ts';
import { errorBody } from './errors.ts';
import { serverEvent } from './stream.ts';

/** An event comes at least this often, so that both sides see that the other is there, in ms. */
const AT_LEAST_EVERY_MS = 1000;

/** How a model arrives, as server-sent events. A slow reader misses what has been overtaken, never the end. */
export async function* arrivalEvents(
  library: ModelLibrary,
  id: string,
  signal: AbortSignal,
  isDraining: () => boolean,
): AsyncGenerator<string> {
  let changed = Promise.withResolvers<void>();
  const stop = library.onChange((other) => {
    if (other === id) changed.resolve();
  });
  const onAbort = (): void => changed.resolve();
  signal.addEventListener('abort', onAbort);
  try {
    while (!signal.aborted) {
      changed = Promise.withResolvers();
      const arrival = library.arrival(id);
      if (isDraining()) {
        const error = shuttingDown();
        yield arrivalEvent(id, { state: 'failed', error: error.toData() });
        return;
      }
      yield arrivalEvent(id, arrival);
      if (['absent', 'ready', 'failed'].includes(arrival.state)) return;
      const timer = setTimeout(changed.resolve, AT_LEAST_EVERY_MS);
      await changed.promise;
      clearTimeout(timer);
    }
  } finally {
    stop();
    signal.removeEventListener('abort', onAbort);
  }
}

function arrivalEvent(model: string, arrival: Arrival): string {
  switch (arrival.state) {
    case 'absent':
    case 'ready':
      return serverEvent({ type: `model.${arrival.state}`, model });
    case 'failed':
      return serverEvent({ type: 'model.failed', model, ...errorBody(SpeechError.fromData(arrival.error)) });
    case 'queued':
      return serverEvent({ type: 'model.progress', model, state: 'queued', bytes: 0, total: 0, rate: 0 });
    default:
      return serverEvent({ type: 'model.progress', model, ...arrival });
  }
}
