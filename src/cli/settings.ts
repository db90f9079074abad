import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { flagOptions } from '../config/layers.ts';
import { type LoadedSettings, loadSettings } from '../config/load.ts';
import { nearestName } from '../config/names.ts';
import { UsageError } from './command.ts';

/**
 * Reads a command's own options together with every setting as a flag. Throws UsageError for an option that neither
 * knows, with the nearest one; `loadSettings` throws ConfigError for settings that are wrong.
 */
export function parseCommand<const O extends ParseArgsOptionsConfig>(args: readonly string[], own: O) {
  const known = { ...flagOptions(), ...own };
  const parse = () =>
    parseArgs({ args: [...args], options: known, allowPositionals: true, allowNegative: true, strict: true });
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse();
  } catch (error) {
    throw new UsageError(whatIsWrong(error as NodeJS.ErrnoException, Object.keys(own), Object.keys(known)));
  }
  const flags: Record<string, string | boolean | undefined> = {};
  const options: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(parsed.values)) {
    if (Object.hasOwn(own, name)) options[name] = value;
    else flags[name] = value as string | boolean;
  }
  return {
    options: options as ReturnType<typeof parseArgs<{ options: O }>>['values'],
    positionals: parsed.positionals,
    loadSettings: (): LoadedSettings => loadSettings({ env: process.env, flags }),
  };
}

/** Node's message without its advice, and the option that was probably meant: one of the command's own first. */
function whatIsWrong(error: NodeJS.ErrnoException, own: readonly string[], known: readonly string[]): string {
  const unknown = /^Unknown option '(--?([^']+))'/.exec(error.message);
  if (unknown === null) return error.message.split('\n', 1)[0]!;
  const [, written, name] = unknown as unknown as [string, string, string];
  const nearest = name.length < 2 ? undefined : (nearestName(name, own) ?? nearestName(name, known));
  return `there is no option ${written}${nearest === undefined ? '; see --help' : `; did you mean --${nearest}?`}`;
}
