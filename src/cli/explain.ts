import { ConfigError } from '../config/config-error.ts';
import { Interrupted, UsageError } from './command.ts';
import { printable } from './terminal/output.ts';

/**
 * What ended a command: the exit status, and the line for a person. Wrong words and wrong settings are status 2,
 * everything else 1. With `OS_LOG_LEVEL=debug` the whole stack is shown.
 */
export function explain(error: unknown): { status: number; message: string | undefined } {
  if (error instanceof Interrupted) return { status: error.status, message: undefined };
  if (error instanceof ConfigError) {
    const problems = error.problems.map(printable);
    return { status: 2, message: problems.length === 1 ? problems[0] : ['', ...problems].join('\n  - ') };
  }
  const message = error instanceof Error ? (systemWords(error) ?? error.message) : String(error);
  const stack = process.env.OS_LOG_LEVEL === 'debug' && error instanceof Error ? error.stack : undefined;
  return { status: error instanceof UsageError ? 2 : 1, message: stack ?? printable(message) };
}

/** What the operating system refuses, for a person. Undefined where Node's own text is as good as ours. */
function systemWords({ code, path, ...at }: NodeJS.ErrnoException): string | undefined {
  const { address, port } = at as { address?: string; port?: number };
  const file = path === undefined ? 'it' : `'${path}'`;
  switch (code) {
    case 'ENOENT':
      return path === undefined ? undefined : `there is no ${file}`;
    case 'EISDIR':
      return `${file} is a folder`;
    case 'ENOTDIR':
      return path === undefined ? undefined : `${file} would lie in something that is no folder`;
    case 'EACCES':
    case 'EPERM':
      return path === undefined ? undefined : `${file} may not be used by this user (${code})`;
    case 'EROFS':
      return path === undefined ? undefined : `${file} lies on a disk that cannot be written to`;
    case 'ENOSPC':
      return 'there is no room left on the disk';
    case 'EADDRINUSE':
      if (port === undefined) return undefined;
      return `port ${port} of ${address} is taken (EADDRINUSE): stop what listens there, or choose another with --port`;
    default:
      return undefined;
  }
}
