import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { flagOptions } from '../config/layers.ts';
import { type LoadedSettings, loadSettings } from '../config/load.ts';
import { UsageError } from './command.ts';

/**
 * Reads a command's own options together with every setting as a flag. Throws UsageError for an option that neither
 * knows, ConfigError for settings that are wrong.
 */
export function parseCommand<const O extends ParseArgsOptionsConfig>(args: readonly string[], own: O) {
  const settingFlags = flagOptions();
  let parsed: ReturnType<typeof parse>;
  const parse = () =>
    parseArgs({
      args: [...args],
      options: { ...settingFlags, ...own },
      allowPositionals: true,
      allowNegative: true,
      strict: true,
    });
  try {
    parsed = parse();
  } catch (error) {
    throw new UsageError((error as Error).message);
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
