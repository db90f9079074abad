#!/usr/bin/env node
/** `open-speech <command>`. Each command lives in its own file, which is loaded only when it is asked for. */
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { ConfigError } from '../config/config-error.ts';
import { defaultDataDir } from '../config/paths.ts';
import type { Command } from './command.ts';
import { UsageError } from './command.ts';

// Compiled code is kept for the next start and for engine processes.
process.env.NODE_COMPILE_CACHE ??= join(process.env.OS_DATA_DIR || defaultDataDir(process.env), 'compile-cache');
enableCompileCache(process.env.NODE_COMPILE_CACHE);

const COMMANDS: Readonly<Record<string, { summary: string; load: () => Promise<{ command: Command }> }>> = {
  serve: { summary: 'run the server', load: () => import('./serve.ts') },
};

const HELP = `Usage: open-speech <command> [options]

${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}`)
  .join('\n')}

\`open-speech <command> --help\` shows a command's options and an example.
Every setting of docs/settings.md is an option of every command, too: OS_PORT is --port.
`;

const [name, ...args] = process.argv.slice(2);
if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
  process.stdout.write(HELP);
} else if (!Object.hasOwn(COMMANDS, name)) {
  process.stderr.write(`open-speech: there is no command '${name}'\n\n${HELP}`);
  process.exitCode = 2;
} else {
  try {
    const { command } = await COMMANDS[name]!.load();
    if (args.includes('--help') || args.includes('-h')) process.stdout.write(command.help);
    else process.exitCode = await command.run(args);
  } catch (error) {
    process.exitCode = error instanceof UsageError ? 2 : 1;
    process.stderr.write(`open-speech ${name}: ${explain(error)}\n`);
  }
}

/** What went wrong, for a person. A defect shows its stack; a bad setting or a failed request does not. */
function explain(error: unknown): string {
  if (error instanceof ConfigError)
    return `cannot start\n${error.problems.map((problem) => `  - ${problem}`).join('\n')}`;
  if (!(error instanceof Error)) return String(error);
  return process.env.OS_LOG_LEVEL === 'debug' ? (error.stack ?? error.message) : error.message;
}
