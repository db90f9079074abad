import { SpeechError } from '../../errors.ts';
import type { OpenModel } from '../contract.ts';

/** The error for a model that cannot be opened; `reason` completes the sentence and names no path. */
export function unavailable(model: OpenModel, reason: string, cause?: unknown): SpeechError {
  return new SpeechError('model_unavailable', `The model ${model.id} cannot be opened: ${reason}.`, {
    ...(cause === undefined ? {} : { cause, detail: messageOf(cause) }),
  });
}

/** The error for a native call that failed. The cause goes to the log only. */
export function engineFailed(cause: unknown): SpeechError {
  return new SpeechError('engine_failed', 'The speech engine failed to answer this request.', {
    cause,
    detail: messageOf(cause),
  });
}

const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));
