import { SpeechError } from '../errors.ts';
import type { FromChild, ToChild } from './child.ts';
import { Outbox } from './outbox.ts';

const MEMORY_REPORT_MS = 1000;

/** The child's side of a Child. */
export interface Parent {
  /** Resolves when the message has left this process. */
  send(value: unknown): Promise<void>;
}

/**
 * Runs inside a child process. `start` receives the parent's `init` and returns what to answer with `ready` and who
 * handles each later message. A thrown error refuses the start with that error. Ends the process when the parent is
 * gone; `end` runs before.
 */
export function serveParent(
  start: (
    init: unknown,
    parent: Parent,
  ) => Promise<{ ready: unknown; onMessage: (message: unknown) => void; end?: () => Promise<void> }>,
): void {
  const post = (message: FromChild): Promise<void> =>
    new Promise((resolve) => {
      if (process.connected) process.send?.(message, undefined, undefined, () => resolve());
      else resolve();
    });
  const outbox = new Outbox((values) => post({ kind: 'messages', values }));
  const started = Promise.withResolvers<Awaited<ReturnType<typeof start>>>();
  started.promise.catch(() => {});
  let running: Awaited<ReturnType<typeof start>> | undefined;

  process.on('message', async (message: ToChild) => {
    if (message.kind === 'messages') {
      // Whatever comes before the start is done waits for it, in order.
      const { onMessage } = running ?? (await started.promise);
      for (const value of message.values) onMessage(value);
      return;
    }
    try {
      const server = await start(message.value, { send: (value) => outbox.add(value) });
      running = server;
      started.resolve(server);
      await post({ kind: 'ready', value: server.ready });
    } catch (thrown) {
      const error =
        thrown instanceof SpeechError
          ? thrown
          : new SpeechError('model_unavailable', 'The model could not be loaded.', {
              detail: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown),
            });
      await post({ kind: 'refused', error: error.toData() });
      process.exit(1);
    }
  });
  process.on('disconnect', async () => {
    await running?.end?.().catch(() => {});
    process.exit(0);
  });
  setInterval(() => void post({ kind: 'memory', bytes: process.memoryUsage.rss() }), MEMORY_REPORT_MS).unref();
}
