import { SpeechError } from '../../errors.ts';
import type { OpenModel } from '../contract.ts';

/** The error for a model that cannot be opened; `reason` completes the sentence and names no path. */
export function unavailable(model: Pick<OpenModel, 'id'>, reason: string, detail?: string): SpeechError {
  const message = `The model ${model.id} cannot be opened: ${reason}.`;
  return new SpeechError('model_unavailable', message, detail === undefined ? {} : { detail });
}
