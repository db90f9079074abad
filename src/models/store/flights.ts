import { abortError, SpeechError, shuttingDown } from '../../errors.ts';
import type { StoreProgress } from './progress.ts';

interface Flight {
  content: string;
  done: Promise<void>;
  controller: AbortController;
  passengers: Set<(progress: StoreProgress) => void>;
}

export interface Passenger {
  signal: AbortSignal;
  onProgress(progress: StoreProgress): void;
}

/**
 * One piece of work per model, however many ask for it: who comes later joins. It is cancelled when the last of those
 * who asked has gone.
 */
export class Flights {
  #flights = new Map<string, Flight>();

  isUnderWay(id: string): boolean {
    return this.#flights.has(id);
  }

  /**
   * Begins the work of this id or joins it. Throws SpeechError `cancelled` as soon as the passenger's signal fires, for
   * the last one only after the work has ended, and `conflict` where other content is under way for the id.
   */
  async join(
    id: string,
    content: string,
    { signal, onProgress }: Passenger,
    work: (signal: AbortSignal, tell: (progress: StoreProgress) => void) => Promise<void>,
  ): Promise<void> {
    if (signal.aborted) throw abortError(signal);
    let flight = this.#flights.get(id);
    while (flight?.controller.signal.aborted) {
      // Its last passenger has gone and it is coming to its end.
      await flight.done.catch(() => {});
      if (signal.aborted) throw abortError(signal);
      flight = this.#flights.get(id);
    }
    if (flight !== undefined && flight.content !== content) {
      throw new SpeechError('conflict', `Another version of the model '${id}' is being installed.`, { param: 'model' });
    }
    flight ??= this.#begin(id, content, work);
    const passenger = (progress: StoreProgress): void => onProgress(progress);
    flight.passengers.add(passenger);
    const gone = Promise.withResolvers<never>();
    const onAbort = (): void => {
      flight.passengers.delete(passenger);
      if (flight.passengers.size === 0) flight.controller.abort(abortError(signal));
      else gone.reject(abortError(signal));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([flight.done, gone.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
      flight.passengers.delete(passenger);
    }
  }

  /** Cancels everything and waits for it to end. */
  async close(): Promise<void> {
    const flights = [...this.#flights.values()];
    for (const { controller } of flights) {
      controller.abort(shuttingDown());
    }
    await Promise.allSettled(flights.map(({ done }) => done));
  }

  #begin(
    id: string,
    content: string,
    work: (signal: AbortSignal, tell: (progress: StoreProgress) => void) => Promise<void>,
  ): Flight {
    const controller = new AbortController();
    const passengers: Flight['passengers'] = new Set();
    const tell = (progress: StoreProgress): void => {
      for (const passenger of passengers) passenger(progress);
    };
    const done = work(controller.signal, tell).finally(() => this.#flights.delete(id));
    done.catch(() => {});
    const flight = { content, done, controller, passengers };
    this.#flights.set(id, flight);
    return flight;
  }
}
