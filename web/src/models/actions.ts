import type { ManagedModel } from '../api/manager.ts';
import { transferOf } from './arrival.ts';

export type ModelAction = 'pull' | 'cancel' | 'load' | 'unload' | 'pin' | 'unpin' | 'default' | 'remove';

const AT_REST: ReadonlySet<string> = new Set(['available', 'quarantined']);
const FETCHABLE: ReadonlySet<string> = new Set(['absent', 'failed', 'unavailable']);

/** What can be asked of a model as it is now, the most likely first. The server has the last word. */
export function actionsFor(model: ManagedModel): ModelAction[] {
  const { kind, state, present, packaged, pinned } = model;
  if (transferOf(model) !== null) return ['cancel'];
  if (!present) return FETCHABLE.has(state) ? ['pull'] : [];
  const usable = state !== 'unavailable';
  return [
    ...(AT_REST.has(state) ? (['load'] as const) : []),
    ...(state === 'loaded' ? (['unload'] as const) : []),
    ...(usable ? ([pinned ? 'unpin' : 'pin'] as const) : []),
    ...(usable && (kind === 'stt' || kind === 'tts') ? (['default'] as const) : []),
    ...(state === 'quarantined' && !packaged ? (['pull'] as const) : []),
    ...(packaged ? [] : (['remove'] as const)),
  ];
}
