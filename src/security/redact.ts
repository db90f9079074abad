const REPLACEMENT = '[redacted]';

/** Fields that hold secrets, what people said or wrote, or who they are. Compared without case, `_` and `-`. */
const PRIVATE_FIELDS = new Set([
  // secrets
  ...['authorization', 'proxyauthorization', 'cookie', 'setcookie', 'apikey', 'xapikey', 'key', 'token', 'secret'],
  ...['password', 'clientsecret', 'ticket', 'credentials', 'secwebsocketprotocol', 'headers', 'query'],
  // content
  ...['text', 'input', 'prompt', 'instructions', 'ssml', 'phonemes', 'transcript', 'transcription', 'content'],
  ...['audio', 'pcm', 'body', 'filename'],
  // people
  ...['ip', 'address', 'remoteaddress', 'remoteport', 'clientaddress', 'xforwardedfor', 'forwardedfor', 'useragent'],
]);

const SECRET_SHAPES: readonly [RegExp, string][] = [
  // authorization: Bearer abc, in a header, an object or JSON
  [/\b(authorization["']?\s{0,4}[:=]\s{0,4}["']?(?:[a-z]{1,16}\s{1,4})?)[^\s"'\\,]+/gi, `$1${REPLACEMENT}`],
  // Bearer abc on its own, where what follows does not look like a word
  [
    /\b(bearer|token|basic)(?:\s|%20)+(?=[a-z+/=._~-]{0,99}\d|[a-z+/=._~-]{16})[a-z0-9+/=._~-]{6,}/gi,
    `$1 ${REPLACEMENT}`,
  ],
  // ?api_key=abc, &token=abc
  [
    /\b(api[_-]?key|key|(?:access[_-]?)?token|ticket|client[_-]?secret|secret|password)=[^\s&"'\\#]+/gi,
    `$1=${REPLACEMENT}`,
  ],
  // https://user:password@host
  [/(\/\/)[^\s/@"'\\]+:[^\s/@"'\\]+@/g, `$1${REPLACEMENT}@`],
  // our keys, OpenAI's keys and its client secrets
  [/\b(?:os_|sk-|ek_)[A-Za-z0-9_-]{12,}/g, REPLACEMENT],
  // JSON Web Tokens
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g, REPLACEMENT],
  // up to the end of the text or of the JSON string
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^"]*/g, REPLACEMENT],
];

/**
 * Makes the function that takes secrets out of any text before it is written somewhere. `known` are secrets that are
 * replaced wherever they appear, whatever their shape. A JSON line stays a JSON line.
 */
export function textRedactor(known: readonly string[] = []): (text: string) => string {
  const exact = known.filter((secret) => secret.length >= 4).flatMap((secret) => [secret, encodeURIComponent(secret)]);
  return (text) => {
    let clean = text;
    for (const secret of exact) clean = clean.replaceAll(secret, REPLACEMENT);
    for (const [shape, replacement] of SECRET_SHAPES) clean = clean.replace(shape, replacement);
    return clean;
  };
}

const MAX_DEPTH = 4;
const MAX_ITEMS = 50;
const MAX_TEXT = 4000;

/**
 * Copies fields for a log: private ones are withheld by name, errors are reduced to what helps, binary data to its
 * size, and everything is bounded in depth, count and length.
 */
export function withoutPrivateFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return copyObject(fields, MAX_DEPTH);
}

function copyObject(source: object, depth: number): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(source).slice(0, MAX_ITEMS)) {
    if (value === undefined) continue;
    copy[name] = PRIVATE_FIELDS.has(name.toLowerCase().replace(/[_-]/g, ''))
      ? '[withheld]'
      : copyValue(value, depth - 1);
  }
  return copy;
}

function copyValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value;
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Error) return copyError(value, depth);
  if (typeof value !== 'object' || value === null) return typeof value === 'function' ? undefined : value;
  if (value instanceof Date) return value;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (depth <= 0) return '[deeper]';
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => copyValue(item, depth - 1));
  return copyObject(value, depth);
}

function copyError(error: Error, depth: number): Record<string, unknown> {
  const { code, detail } = error as Error & { code?: unknown; detail?: unknown };
  return {
    name: error.name,
    message: copyValue(error.message, 1),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(typeof detail === 'string' ? { detail: copyValue(detail, 1) } : {}),
    ...(error.stack === undefined ? {} : { stack: copyValue(error.stack, 1) }),
    ...(error.cause === undefined || depth <= 0 ? {} : { cause: copyValue(error.cause, depth - 1) }),
  };
}
