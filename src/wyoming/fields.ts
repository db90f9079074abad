import { SpeechError } from '../errors.ts';

/** The data of an event, as it came. */
export type Fields = Readonly<Record<string, unknown>>;

const LANGUAGE = /^[a-z]{2,3}(-[a-z\d]{1,8}){0,4}$/i;
const MAX_NAME_CHARS = 256;

/** A text that may be missing; nothing, null and an empty one are the same. Throws SpeechError `invalid_request`. */
export function optionalText(fields: Fields, name: string): string | undefined {
  const value = fields[name] ?? '';
  if (typeof value !== 'string') {
    throw new SpeechError('invalid_request', `${name} must be a text.`, { param: name });
  }
  return value === '' ? undefined : value;
}

/** The name of a model or a voice. */
export function optionalName(fields: Fields, name: string): string | undefined {
  const value = optionalText(fields, name);
  if (value !== undefined && value.length > MAX_NAME_CHARS) {
    throw new SpeechError('invalid_request', `${name} has at most ${MAX_NAME_CHARS} characters.`, { param: name });
  }
  return value;
}

/** BCP 47; Wyoming's own voices write it with an underscore, and `auto` leaves it to the recogniser. */
export function optionalLanguage(fields: Fields): string | undefined {
  const value = optionalText(fields, 'language')?.replaceAll('_', '-');
  if (value === undefined || value.toLowerCase() === 'auto') return undefined;
  if (!LANGUAGE.test(value)) {
    throw new SpeechError('invalid_request', 'language must be a tag such as en or de-AT.', { param: 'language' });
  }
  return value;
}

/** An object that may be missing. */
export function optionalFields(fields: Fields, name: string): Fields {
  const value = fields[name] ?? {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new SpeechError('invalid_request', `${name} must be an object.`, { param: name });
  }
  return value as Fields;
}
