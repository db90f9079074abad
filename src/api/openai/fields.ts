/** What OpenAI's forms and bodies have in common. Values from forms arrive as text. */
import { z } from 'zod';

/** A choice whose error lists what is valid. */
export function oneOf<const T extends readonly [string, ...string[]]>(values: T) {
  return z.enum(values, { error: `must be one of ${values.join(', ')}` });
}

/** `true`, `"true"` in any case (Python's `str` writes `True`), `"1"` and their opposites. */
export const booleanField = z.preprocess(
  (value) =>
    typeof value === 'string'
      ? ({ true: true, '1': true, false: false, '0': false }[value.toLowerCase()] ?? value)
      : value,
  z.boolean({ error: 'must be true or false' }),
);

/** A number, or text that is one. */
export function numberField(min: number, max: number) {
  const error = `must be a number from ${min} to ${max}`;
  return z.preprocess(
    (value) => (typeof value === 'string' && value.trim() !== '' ? Number(value) : value),
    z.number({ error }).min(min, error).max(max, error),
  );
}

/** A whole number, or text that is one. */
export function wholeField(min: number, max: number) {
  return numberField(min, max).pipe(z.int({ error: `must be a whole number from ${min} to ${max}` }));
}

/** One value, several, or a JSON list as curl users write it. */
export function listField<T extends z.ZodType>(item: T, most = 64) {
  return z.preprocess(
    (value) => {
      if (value === undefined) return undefined;
      if (typeof value === 'string' && value.startsWith('[')) return parsed(value);
      return Array.isArray(value) ? value : [value];
    },
    z.array(item, { error: 'must be a list' }).max(most, `must not have more than ${most} values`),
  );
}

/** An object, or its JSON text. */
export function jsonField<T extends z.ZodType>(schema: T) {
  return z.preprocess((value) => (typeof value === 'string' && value.startsWith('{') ? parsed(value) : value), schema);
}

export const modelField = z
  .string({ error: 'must be the name of a model' })
  .min(1)
  .max(200)
  .describe("A model's id or alias, or one of OpenAI's names for this server's default.");

/** An object whose fields that are null count as left out: clients with types write what nobody set that way. */
export function withoutNulls<T extends z.ZodObject>(schema: T) {
  return z.preprocess(
    (body) =>
      typeof body === 'object' && body !== null && !Array.isArray(body)
        ? Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null))
        : body,
    schema,
  );
}

/** A language as ISO 639-1 or BCP 47. */
export const languageField = z
  .string()
  .regex(/^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}$/, 'must be a language such as en or pt-BR')
  .transform((tag) => tag.replaceAll('_', '-'));

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
