/**
 * A request that got no useful answer. `message` is the server's own sentence where it sent one and may be shown as
 * it is; it never holds the key.
 */
export class ApiError extends Error {
  /** HTTP status; 0 when no answer arrived. */
  readonly status: number;
  readonly code: string | null;
  /** The field at fault. */
  readonly param: string | null;
  /** When trying again makes sense, in milliseconds. */
  readonly retryAfterMs: number | null;
  readonly requestId: string | null;

  constructor(message: string, fields: Partial<Omit<ApiError, keyof Error>> = {}) {
    super(message);
    this.name = 'ApiError';
    this.status = fields.status ?? 0;
    this.code = fields.code ?? null;
    this.param = fields.param ?? null;
    this.retryAfterMs = fields.retryAfterMs ?? null;
    this.requestId = fields.requestId ?? null;
  }
}

/** True for the end of a request that the user cancelled. */
export function isAbort(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === 'AbortError';
}

/** Reads `{error:{message,code,param}}` out of a parsed body; null for any other shape. */
export function errorFields(body: unknown): { message: string; code: string | null; param: string | null } | null {
  const error = typeof body === 'object' && body !== null && 'error' in body ? body.error : null;
  if (typeof error !== 'object' || error === null) return null;
  const text = (name: string): string | null => {
    const value: unknown = Reflect.get(error, name);
    return typeof value === 'string' && value !== '' ? value : null;
  };
  const message = text('message');
  return message === null ? null : { message, code: text('code'), param: text('param') };
}

/** `retry-after-ms` first, then `retry-after` in seconds or as an HTTP date (RFC 9110 §10.2.3). */
export function retryAfter(headers: Headers, now: number): number | null {
  const ms = Number(headers.get('retry-after-ms') ?? Number.NaN);
  if (Number.isFinite(ms) && ms >= 0) return ms;
  const value = headers.get('retry-after');
  if (value === null) return null;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}

/** The error for an answer with a failure status. Reads at most the error object of its body. */
export async function errorFromResponse(response: Response, now = Date.now()): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  const fields = errorFields(body);
  return new ApiError(fields?.message ?? `The server answered with status ${response.status}.`, {
    status: response.status,
    code: fields?.code ?? null,
    param: fields?.param ?? null,
    retryAfterMs: retryAfter(response.headers, now),
    requestId: response.headers.get('x-request-id'),
  });
}

export const unreachable = (): ApiError =>
  new ApiError('The server does not answer. Is it running, and is this device connected?', { code: 'unreachable' });

export const interrupted = (): ApiError =>
  new ApiError('The connection ended before the answer was complete.', { code: 'interrupted' });

/** Anything thrown, as an ApiError that can be shown. */
export function asApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  return new ApiError('Something went wrong in this page. Reload it and try again.', { code: 'page_error' });
}
