import type { Settings } from '../../config/kinds.ts';
import { call, type ServerAddress, textOf } from '../backend/http.ts';
import type { ModelsOptions } from '../models.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { showProgress } from '../terminal/progress.ts';
import { forEach, type Result } from './change.ts';
import { withChoices } from './choices-here.ts';

/** What each of these asks of a server. */
const REQUESTS = {
  load: { method: 'POST', rest: '/load', state: 'loaded' },
  unload: { method: 'POST', rest: '/unload', state: 'unloaded' },
  pin: { method: 'PUT', rest: '/pin', state: 'pinned' },
  unpin: { method: 'DELETE', rest: '/pin', state: 'unpinned' },
} as const;

export type MemoryAction = keyof typeof REQUESTS;

/** `models load|unload|pin|unpin`: what is in a server's memory. Without one, pins are for the next start. */
export async function memory(
  action: MemoryAction,
  names: readonly string[],
  server: ServerAddress | undefined,
  settings: Settings,
  options: ModelsOptions,
): Promise<number> {
  const { method, rest, state } = REQUESTS[action];
  if (server === undefined) {
    if (action === 'load' || action === 'unload') {
      throw new Error('no server runs here: models are in the memory of a server; start one with open-speech serve');
    }
    return await withChoices(settings, ({ names: known, choices }) =>
      interruptible((signal) =>
        forEach(action, names, options, signal, async (name) => {
          const model = choices.pins.includes(name) ? name : known.find(name)?.manifest.id;
          if (model === undefined) throw new Error(`there is no model '${name}' here`);
          choices.pin(model, action === 'pin');
          return { model, state };
        }),
      ),
    );
  }
  return await interruptible((signal) =>
    forEach(action, names, options, signal, async (name): Promise<Result> => {
      const progress = showProgress(() => `${name}: ${action === 'load' ? 'loading' : 'asking the server'}`);
      try {
        const path = `/api/models/${encodeURIComponent(name)}${rest}`;
        const idleMs = settings.limits.requestTimeoutMs;
        const answer = await textOf(await call(server, { method, path, idleMs, signal }));
        const { id, model } = JSON.parse(answer) as { id?: string; model?: string };
        return { model: id ?? model ?? name, state };
      } finally {
        progress.end();
      }
    }),
  );
}
