import type { ApiError } from '../api/errors.ts';
import { span } from '../lib/time.ts';

/** What stands in the way of entering, in words for the key screen; `waitMs` is what is left of a forced pause. */
export function entryProblem(error: ApiError, waitMs: number): { title: string; text: string } {
  switch (error.status) {
    case 0:
      return { title: 'No answer from the server', text: error.message };
    case 401:
      return {
        title: 'That key was not accepted',
        text: 'Check that it is complete, has not expired and was not revoked.',
      };
    case 403:
      return {
        title: 'That key is not allowed in here',
        text: `${error.message} This page needs a key with the scopes speech and models:read.`,
      };
    case 429:
      return {
        title: 'Too many attempts',
        text: waitMs > 0 ? `Wait ${span(Math.ceil(waitMs / 1000) * 1000)}, then try again.` : 'You can try again now.',
      };
    default:
      return { title: 'The server could not check the key', text: error.message };
  }
}
