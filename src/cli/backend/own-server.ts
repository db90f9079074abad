import type { Settings } from '../../config/kinds.ts';
import { ownServer } from './find-server.ts';
import { call, textOf } from './http.ts';

const ANSWER_MS = 30_000;

/**
 * Tells the server of these settings' data folder, if one runs, that models came or went. Returns a sentence for the
 * user: that the server knows, or why it does not; undefined where none runs.
 */
export async function tellOwnServer(settings: Settings): Promise<string | undefined> {
  try {
    const server = await ownServer(settings);
    if (server === undefined) return undefined;
    await textOf(await call(server, { method: 'POST', path: '/api/models/refresh', idleMs: ANSWER_MS }));
    return 'The running server knows.';
  } catch (error) {
    return `The running server could not be told (${(error as Error).message}): it knows after a restart.`;
  }
}
