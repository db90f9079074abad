import { SpeechError, type SpeechErrorData } from '../../errors.ts';

/**
 * An error from a process that is not believed: only its code and message, and only if they are such; else what `failed`
 * makes of it.
 */
export function foreignError(data: unknown, failed: (detail: string) => SpeechError): SpeechError {
  const { code, message, detail } = (data ?? {}) as Partial<SpeechErrorData>;
  if (typeof code !== 'string' || typeof message !== 'string') return failed('it sent what is not an error');
  return SpeechError.fromData({ code, message, param: null, ...(typeof detail === 'string' ? { detail } : {}) });
}
