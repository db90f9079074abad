/**
 * Every failure a caller can meet, with a stable code, an HTTP status and OpenAI's error type. Protocols translate
 * a SpeechError; they never invent their own. Anything else that is thrown is a defect and reaches the caller only
 * as `internal_error` with the request id.
 */
const CATALOGUE = {
  invalid_request: { status: 400, type: 'invalid_request_error' },
  invalid_json: { status: 400, type: 'invalid_request_error' },
  invalid_multipart: { status: 400, type: 'invalid_request_error' },
  invalid_audio: { status: 400, type: 'invalid_request_error' },
  unsupported_audio: { status: 400, type: 'invalid_request_error' },
  audio_too_long: { status: 400, type: 'invalid_request_error' },
  invalid_bundle: { status: 400, type: 'invalid_request_error' },
  invalid_ssml: { status: 400, type: 'invalid_request_error' },
  text_too_long: { status: 400, type: 'invalid_request_error' },
  voice_not_found: { status: 400, type: 'invalid_request_error' },
  unsupported_value: { status: 400, type: 'invalid_request_error' },
  unsupported_by_model: { status: 400, type: 'invalid_request_error' },
  invalid_api_key: { status: 401, type: 'invalid_request_error' },
  insufficient_scope: { status: 403, type: 'invalid_request_error' },
  origin_not_allowed: { status: 403, type: 'invalid_request_error' },
  host_not_allowed: { status: 403, type: 'invalid_request_error' },
  source_not_allowed: { status: 403, type: 'invalid_request_error' },
  single_source: { status: 403, type: 'invalid_request_error' },
  gated_model: { status: 403, type: 'invalid_request_error' },
  licence_not_accepted: { status: 403, type: 'invalid_request_error' },
  unknown_signer: { status: 403, type: 'invalid_request_error' },
  not_found: { status: 404, type: 'invalid_request_error' },
  model_not_found: { status: 404, type: 'invalid_request_error' },
  method_not_allowed: { status: 405, type: 'invalid_request_error' },
  request_timeout: { status: 408, type: 'invalid_request_error' },
  conflict: { status: 409, type: 'invalid_request_error' },
  too_large: { status: 413, type: 'invalid_request_error' },
  upgrade_required: { status: 426, type: 'invalid_request_error' },
  rate_limit_exceeded: { status: 429, type: 'rate_limit_error' },
  queue_full: { status: 429, type: 'rate_limit_error' },
  cancelled: { status: 499, type: 'invalid_request_error' },
  internal_error: { status: 500, type: 'server_error' },
  engine_failed: { status: 500, type: 'server_error' },
  upstream_failed: { status: 502, type: 'server_error' },
  download_failed: { status: 502, type: 'server_error' },
  integrity_failed: { status: 502, type: 'server_error' },
  unsafe_archive: { status: 502, type: 'server_error' },
  model_unavailable: { status: 503, type: 'server_error' },
  overloaded: { status: 503, type: 'server_error' },
  shutting_down: { status: 503, type: 'server_error' },
  insufficient_storage: { status: 507, type: 'server_error' },
  deadline_exceeded: { status: 504, type: 'server_error' },
} as const;

export type ErrorCode = keyof typeof CATALOGUE;

const RETRY_HELPS: ReadonlySet<ErrorCode> = new Set([
  'rate_limit_exceeded',
  'queue_full',
  'overloaded',
  'shutting_down',
  'request_timeout',
]);

export interface SpeechErrorOptions {
  /** The request field at fault, as the caller spelled it. */
  param?: string | null;
  /** When trying again makes sense, in milliseconds. */
  retryAfterMs?: number;
  /** For the log only; may name paths and processes. */
  detail?: string;
  cause?: unknown;
}

/** The plain form that crosses process and network borders. */
export interface SpeechErrorData {
  code: ErrorCode;
  message: string;
  param: string | null;
  retryAfterMs?: number;
  detail?: string;
}

/** A failure with an answer. `message` is safe to show to any caller. */
export class SpeechError extends Error {
  readonly code: ErrorCode;
  readonly param: string | null;
  readonly retryAfterMs: number | undefined;
  readonly detail: string | undefined;

  constructor(code: ErrorCode, message: string, options: SpeechErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SpeechError';
    this.code = code;
    this.param = options.param ?? null;
    this.retryAfterMs = options.retryAfterMs;
    this.detail = options.detail;
  }

  get status(): number {
    return CATALOGUE[this.code].status;
  }

  get type(): string {
    return CATALOGUE[this.code].type;
  }

  /** False where asking again cannot help, or would only repeat expensive work. Meaningful from status 429 up. */
  get worthRetrying(): boolean {
    return RETRY_HELPS.has(this.code);
  }

  toData(): SpeechErrorData {
    return {
      code: this.code,
      message: this.message,
      param: this.param,
      ...(this.retryAfterMs === undefined ? {} : { retryAfterMs: this.retryAfterMs }),
      ...(this.detail === undefined ? {} : { detail: this.detail }),
    };
  }

  /** Rebuilds an error that came from another process. An unknown code becomes `internal_error`. */
  static fromData(data: SpeechErrorData): SpeechError {
    const code = Object.hasOwn(CATALOGUE, data.code) ? data.code : 'internal_error';
    return new SpeechError(code, data.message, data);
  }

  /** Wraps anything thrown. The original text goes to `detail`, never to the caller. */
  static from(thrown: unknown): SpeechError {
    if (thrown instanceof SpeechError) return thrown;
    const detail = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    return new SpeechError('internal_error', 'The server failed to answer this request.', { detail, cause: thrown });
  }
}

export function shuttingDown(): SpeechError {
  return new SpeechError('shutting_down', 'The server is shutting down.');
}

/** The error for a call whose AbortSignal fired: the signal's own SpeechError where it carries one, else `cancelled`. */
export function abortError(signal: AbortSignal): SpeechError {
  return signal.reason instanceof SpeechError
    ? signal.reason
    : new SpeechError('cancelled', 'The request was cancelled.');
}
