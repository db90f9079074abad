import type { IncomingMessage } from 'node:http';
import type { Settings } from '../config/kinds.ts';

/**
 * Reads and forgets what a client still sends, until it is done, `drainBytes` have come or `drainMs` have passed.
 * Never fails.
 */
export function discardUpload(request: IncomingMessage, limits: Settings['limits']): Promise<void> {
  return new Promise((resolve) => {
    let bytes = 0;
    const done = (): void => {
      clearTimeout(timer);
      request.off('data', onData);
      for (const event of ['end', 'close', 'error']) request.off(event, done);
      resolve();
    };
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > limits.drainBytes) done();
    };
    const timer = setTimeout(done, limits.drainMs);
    if (request.complete || request.destroyed) {
      done();
      return;
    }
    request.on('data', onData);
    for (const event of ['end', 'close', 'error']) request.once(event, done);
    request.resume();
  });
}
