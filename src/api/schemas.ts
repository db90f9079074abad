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
  404: errorSchema.describe('There is no such model'),
  413: errorSchema.describe('The request is larger than permitted'),
  429: errorSchema.describe('Too many requests; see `retry-after`'),
  500: errorSchema.describe('The server failed; the message names no internals'),
  503: errorSchema.describe('It cannot be done at the moment; see `retry-after`'),
  504: errorSchema.describe('It took longer than permitted'),
};
