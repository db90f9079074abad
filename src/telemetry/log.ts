import { pino } from 'pino';
import { textRedactor, withoutPrivateFields } from '../security/redact.ts';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** What a line says besides its message: ids, counts, times in ms, an `error`. Private fields are withheld by name. */
export type LogFields = Readonly<Record<string, unknown>>;

type Write = (message: string, fields?: LogFields) => void;

/**
 * The ordinary log. Messages are constant sentences; what varies goes into fields. It never holds what people said or
 * wrote, audio, addresses of clients, or secrets.
 */
export interface Log {
  readonly trace: Write;
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
  /** A log that adds these fields to each of its lines. */
  child(fields: LogFields): Log;
  /** Writes out what is still buffered. Safe to call while the process ends. */
  flush(): void;
}

export interface LogOptions {
  level: LogLevel;
  /** Secrets that are replaced wherever they appear. */
  secrets?: readonly string[];
  /** Receives each line; default is standard output. */
  write?: (line: string) => void;
}

/** Lines beyond this, because nobody reads our output, are dropped rather than kept in memory. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

/** Opens the ordinary log: one JSON object per line, or a readable line each where standard output is a terminal. */
export function openLog(options: LogOptions): Log {
  const redact = textRedactor(options.secrets);
  const output = options.write === undefined ? standardOutput() : { write: options.write, flush: () => {} };
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => output.write(redact(line)) },
  );
  return wrap(logger, output.flush);
}

type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error';

function wrap(logger: pino.Logger, flush: () => void): Log {
  const write = (level: Level): Write => {
    return (message, fields) => {
      if (!logger.isLevelEnabled(level)) return;
      if (fields === undefined) logger[level](message);
      else logger[level](withoutPrivateFields(fields), message);
    };
  };
  return {
    trace: write('trace'),
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => wrap(logger.child(withoutPrivateFields(fields)), flush),
    flush,
  };
}

function standardOutput(): { write: (line: string) => void; flush: () => void } {
  // Not synchronous: a reader that stops reading must not stop the server.
  const destination = pino.destination({ dest: 1, sync: false, maxLength: MAX_BUFFERED_BYTES });
  destination.on('error', () => {});
  const write = process.stdout.isTTY ? (line: string) => destination.write(readable(line)) : destination.write;
  return { write: write.bind(destination), flush: () => destination.flushSync() };
}

/** `14:05:12 info  Listening  url=http://127.0.0.1:8100` */
export function readable(line: string): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const clock = String(time).slice(11, 19);
  const shown = Object.entries(fields).map(([name, value]) => {
    const stack = typeof value === 'object' && value !== null && 'stack' in value ? value.stack : undefined;
    return typeof stack === 'string'
      ? `\n  ${name}: ${stack}`
      : `  ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`;
  });
  // Escape sequences in what is logged must not reach the terminal.
  return `${clock} ${String(level).padEnd(5)} ${msg}${shown.join('')}\n`.replace(/(?!\n)\p{Cc}/gu, '?');
}
