import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import type { Settings } from '../config/kinds.ts';
import { type ErrorCode, SpeechError } from '../errors.ts';
import type { Log } from '../telemetry/log.ts';
import { discardUpload } from './discard-upload.ts';
import type { MethodFinder } from './methods.ts';
import { serverEvent, takeOver } from './stream.ts';

/** OpenAI's error object. All four keys are always present. */
export interface ErrorBody {
  error: { message: string; type: string; param: string | null; code: string | null };
}

export function errorBody(error: SpeechError): ErrorBody {
  return { error: { message: error.message, type: error.type, param: error.param, code: error.code } };
}

/** A failure in the middle of server-sent events, as the OpenAI SDKs expect it. */
export function errorEvent(error: SpeechError): string {
  return serverEvent(errorBody(error));
}

/** Where nobody knows better. */
const RETRY_AFTER_MS = 1000;

/** `retry-after` in whole seconds for everyone, `retry-after-ms` and `x-should-retry` for the OpenAI SDKs. */
export function errorHeaders(error: SpeechError): Record<string, string> {
  const headers: Record<string, string> = {};
  if (error.status === 401) headers['www-authenticate'] = 'Bearer';
  if (error.status < 429) return headers;
  headers['x-should-retry'] = String(error.worthRetrying);
  const retryAfterMs = error.retryAfterMs ?? (error.worthRetrying ? RETRY_AFTER_MS : undefined);
  if (retryAfterMs !== undefined) {
    headers['retry-after'] = String(Math.max(1, Math.ceil(retryAfterMs / 1000)));
    headers['retry-after-ms'] = String(Math.max(1, Math.ceil(retryAfterMs)));
  }
  return headers;
}

/** Answers every failure of every route with the error object, and tells the log what the caller may not see. */
export function handleErrors(
  app: FastifyInstance,
  limits: Settings['limits'],
  log: Log,
  methodsOf: MethodFinder,
): void {
  app.setErrorHandler((thrown: FastifyError, request, reply) => {
    const error = toSpeechError(thrown, request.routeOptions.schema?.consumes);
    if (error.status >= 500 && error.code !== 'shutting_down') {
      log.error('A request failed', { requestId: request.id, code: error.code, error: error.detail ?? error.cause });
    }
    return sendError(error, request, reply, limits);
  });
  app.setNotFoundHandler({ preHandler: [] }, (request, reply) => {
    const methods = methodsOf(request.url.split('?', 1)[0]!);
    const asked = `${request.method} ${pathOf(request.url)}`;
    // A path with the right method comes here, too, where a folder of files has no such file.
    if (methods.length === 0 || methods.includes(request.method)) {
      return sendError(new SpeechError('not_found', `There is no ${asked}.`), request, reply, limits);
    }
    const allow = methods.join(', ');
    const error = new SpeechError('method_not_allowed', `There is no ${asked}; the path knows ${allow}.`);
    return sendError(error, request, reply.header('allow', allow), limits);
  });
}

/**
 * Sends an error. A client that is still sending its request cannot read the answer of a connection that is closed
 * under it, so the rest of its upload is read and thrown away, within limits, before the connection ends.
 */
export async function sendError(
  error: SpeechError,
  request: FastifyRequest,
  reply: FastifyReply,
  limits: Settings['limits'],
): Promise<FastifyReply> {
  const body = JSON.stringify(errorBody(error));
  reply.headers(errorHeaders(error));
  if (request.raw.complete || request.raw.destroyed) {
    return reply.code(error.status).type('application/json; charset=utf-8').send(body);
  }
  const response = takeOver(reply);
  response.writeHead(error.status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  });
  response.write(body);
  await discardUpload(request.raw, limits);
  response.end();
  return reply;
}

/** Fastify's own refusals, by their code, in our words. */
const FASTIFY_CODES: Readonly<Record<string, [ErrorCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['too_large', 'The request body is too large.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['invalid_json', 'The request body is empty.'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['invalid_json', 'The request body is not valid JSON.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['invalid_request', 'The request body does not have the announced length.'],
  FST_ERR_BAD_URL: ['invalid_request', 'The URL is not valid.'],
  FST_ERR_MAX_PARAM_LENGTH: ['invalid_request', 'A part of the URL is too long.'],
};

/** The error for anything that was thrown. `takes` are the content types that the route reads. */
export function toSpeechError(thrown: FastifyError, takes: readonly string[] = ['application/json']): SpeechError {
  if (thrown instanceof SpeechError) return thrown;
  if (thrown.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new SpeechError('invalid_request', `This route takes the content type ${takes.join(', ')} and no other.`);
  }
  if (hasZodFastifySchemaValidationErrors(thrown)) {
    const issue = thrown.validation[0]!;
    const param = issue.instancePath.split('/').filter(Boolean).join('.') || null;
    const message = param === null ? 'The request body must be a JSON object.' : `'${param}': ${issue.message}`;
    return new SpeechError('invalid_request', message, { param });
  }
  const known = FASTIFY_CODES[thrown.code];
  if (known !== undefined) return new SpeechError(known[0], known[1]);
  if (thrown.statusCode !== undefined && thrown.statusCode >= 400 && thrown.statusCode < 500) {
    return new SpeechError('invalid_request', 'The request could not be read.', { cause: thrown });
  }
  return SpeechError.from(thrown);
}

function pathOf(url: string): string {
  return url.split('?', 1)[0]!.slice(0, 200);
}
