import type { FastifyInstance } from 'fastify';
import { shuttingDown } from '../errors.ts';

/** Time for the last bytes of answers after their work has ended, in ms; then connections are cut. */
const LAST_BYTES_MS = 1000;

export interface Draining {
  readonly draining: boolean;
  /** Refuses new work from now on, and waits until what runs is done or `graceMs` have passed. */
  drain(graceMs: number): Promise<void>;
}

/** Counts the requests that do work, so that a shutdown can let them finish whole. Add it behind the guard. */
export function drainRequests(app: FastifyInstance): Draining {
  let running = 0;
  let drained: PromiseWithResolvers<void> | undefined;

  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.policy?.access !== 'key') return;
    if (drained !== undefined) throw shuttingDown();
    running++;
    reply.raw.once('close', () => {
      running--;
      if (running === 0) drained?.resolve();
    });
  });
  app.addHook('preClose', async () => {
    setTimeout(() => app.server.closeAllConnections(), LAST_BYTES_MS).unref();
  });

  return {
    get draining() {
      return drained !== undefined;
    },
    async drain(graceMs) {
      drained ??= Promise.withResolvers();
      if (running === 0) return;
      const timer = setTimeout(drained.resolve, graceMs);
      await drained.promise;
      clearTimeout(timer);
    },
  };
}
