import type { ManagedModel } from '../api/manager.ts';
import type { Transfer } from '../api/transferEvents.ts';
import { fileSize } from '../lib/size.ts';
import { span } from '../lib/time.ts';

const STATES: readonly string[] = ['queued', 'downloading', 'unpacking', 'verifying'] satisfies Transfer['state'][];

/** How far a model is by the list of models; null for one that is not on its way. */
export function transferOf({ state, progress }: Pick<ManagedModel, 'state' | 'progress'>): Transfer | null {
  if (!STATES.includes(state)) return null;
  return { bytes: 0, total: 0, rate: 0, ...progress, state: state as Transfer['state'] };
}

/** Percent, 0 to 100; null while it cannot be told. */
export function percentOf({ state, bytes, total }: Transfer): number | null {
  if (state === 'queued' || total <= 0) return null;
  return Math.min(100, (bytes / total) * 100);
}

/** What happens, and how much of it is done: `Downloading`, `12 MB of 30 MB`, `4.0 MB/s`, `5 s left`. */
export function transferWords(transfer: Transfer): string[] {
  const { state, bytes, total, rate } = transfer;
  if (state === 'queued') return ['Waiting for its turn'];
  const doing = { downloading: 'Downloading', unpacking: 'Unpacking', verifying: 'Checking' }[state];
  const left = timeLeftMs(transfer);
  return [
    doing,
    ...(total > 0 ? [`${fileSize(Math.min(bytes, total))} of ${fileSize(total)}`] : []),
    ...(state === 'downloading' && rate > 0 ? [`${fileSize(rate)}/s`] : []),
    ...(left === null ? [] : [left < 1000 ? 'nearly done' : `${roughly(left)} left`]),
  ];
}

/** Milliseconds until the download ends at its present rate; null where it stands still or its end is unknown. */
export function timeLeftMs({ state, bytes, total, rate }: Transfer): number | null {
  if (state !== 'downloading' || total <= 0 || rate <= 0) return null;
  return (Math.max(0, total - bytes) / rate) * 1000;
}

/** A tenth of a second says nothing about a guess, nor does a second of many minutes. */
function roughly(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  return seconds < 600 ? span(seconds * 1000) : `${Math.round(seconds / 60)} min`;
}

/** Which models are on their way. */
export function arrivingIds(models: readonly ManagedModel[]): string[] {
  return models.filter((model) => transferOf(model) !== null).map(({ id }) => id);
}
