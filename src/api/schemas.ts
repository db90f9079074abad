import { z } from 'zod';

/** OpenAI's error object, for the documentation. */
export const errorSchema = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string().nullable(),
    }),
  })
  .meta({ id: 'Error' });

/** What every route with a key may answer besides its own. */
export const errorResponses = {
  400: errorSchema.describe('Something in the request is wrong; `param` names it'),
  401: errorSchema.describe('No key, or a wrong one'),
  403: errorSchema.describe('The key lacks a scope'),
  429: errorSchema.describe('Too many requests; see `retry-after`'),
  500: errorSchema.describe('The server failed; the message names no internals'),
  503: errorSchema.describe('It cannot be done at the moment; see `retry-after`'),
};
