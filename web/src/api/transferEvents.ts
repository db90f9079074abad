import { ApiError, errorFields } from './errors.ts';

/** How far a model on its way has come. Bytes, and bytes a second. */
export interface Transfer {
  state: 'queued' | 'downloading' | 'unpacking' | 'verifying';
  bytes: number;
  /** 0 where nobody knows. */
  total: number;
  rate: number;
}

const STATES: readonly string[] = ['queued', 'downloading', 'unpacking', 'verifying'] satisfies Transfer['state'][];

/**
 * Reads an event of `GET /api/models/{id}/progress`: how far the model is, `end` once it is here, null for an event of a
 * later version. Throws the ApiError that ended the download, also where it was cancelled.
 */
export function transferEvent(data: unknown): Transfer | 'end' | null {
  const type = field(data, 'type');
  if (type === 'model.ready') return 'end';
  if (type === 'model.absent') throw new ApiError('It is no longer being downloaded.', { code: 'cancelled' });
  if (type === 'model.failed') {
    const fields = errorFields(data);
    throw new ApiError(fields?.message ?? 'The model could not be fetched.', fields ?? {});
  }
  const state = field(data, 'state');
  if (type !== 'model.progress' || typeof state !== 'string' || !STATES.includes(state)) return null;
  const number = (name: string): number => {
    const value = field(data, name);
    return typeof value === 'number' && value > 0 ? value : 0;
  };
  return { state: state as Transfer['state'], bytes: number('bytes'), total: number('total'), rate: number('rate') };
}

function field(data: unknown, name: string): unknown {
  return typeof data === 'object' && data !== null ? Reflect.get(data, name) : undefined;
}
