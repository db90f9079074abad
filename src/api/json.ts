import type { FastifyInstance } from 'fastify';
import { SpeechError } from '../errors.ts';
import { hasManyValues, MAX_JSON_VALUES } from '../security/json-values.ts';

/**
 * Reads JSON bodies, and only those: bytes that are not UTF-8 are refused instead of replaced, because what would be
 * spoken then is not what was sent.
 */
export function acceptJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  app.removeContentTypeParser('text/plain');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    let text: string;
    try {
      text = utf8.decode(body as Buffer);
    } catch {
      done(new SpeechError('invalid_json', 'The request body is not valid UTF-8.'));
      return;
    }
    if (hasManyValues(text)) {
      done(
        new SpeechError(
          'invalid_request',
          `The request body has more than ${MAX_JSON_VALUES} lists, objects and commas.`,
        ),
      );
      return;
    }
    parse(request, text, done);
  });
}
