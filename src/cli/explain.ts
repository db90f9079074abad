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
  const message = error instanceof Error ? error.message : String(error);
  const stack = process.env.OS_LOG_LEVEL === 'debug' && error instanceof Error ? error.stack : undefined;
  return { status: error instanceof UsageError ? 2 : 1, message: stack ?? printable(message) };
}
