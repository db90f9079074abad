import type { Settings } from '../../config/kinds.ts';
import type { Log, LogFields } from '../../telemetry/log.ts';
import { printable } from '../terminal/output.ts';

/**
 * The log of a command that does the work itself. What goes wrong reaches the user as the command's own error, so
 * nothing is written unless `OS_LOG_LEVEL` asks for details; then each line goes to stderr.
 */
export function commandLog({ logLevel }: Pick<Settings, 'logLevel'>): Log {
  const shown = logLevel === 'debug' || logLevel === 'trace';
  const write = (message: string, fields: LogFields = {}): void => {
    if (shown) process.stderr.write(`${message} ${printable(JSON.stringify(fields))}\n`);
  };
  const log: Log = {
    ...{ trace: write, debug: write, info: write, warn: write, error: write },
    child: () => log,
    flush: () => {},
  };
  return log;
}
