import { constants } from 'node:os';
import { Interrupted } from '../command.ts';

/** Work that has not stopped by then is left behind; its processes die with this one. */
const PATIENCE_MS = 700;

/**
 * Runs work that Ctrl+C, `kill` and a closed terminal end: the signal fires with `Interrupted`, and so does the
 * result. Work that does not stop soon after is ended with the process.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    const interrupted = new Interrupted(128 + constants.signals[name]);
    stop.abort(interrupted);
    setTimeout(() => process.exit(interrupted.status), PATIENCE_MS).unref();
  };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, onSignal);
  try {
    const result = await work(stop.signal);
    stop.signal.throwIfAborted();
    return result;
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    for (const name of names) process.off(name, onSignal);
  }
}
