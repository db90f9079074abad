import { join } from 'node:path';
import { stripBrackets } from '../security/addresses.ts';
import { readPrivateFile } from '../storage/private-file.ts';
import { checkSettings } from './check.ts';
import { ConfigError } from './config-error.ts';
import type { Settings } from './kinds.ts';
import {
  environmentLayer,
  fileLayer,
  flagLayer,
  type Layer,
  type Report,
  type Source,
  type Written,
} from './layers.ts';
import { type Row, rows } from './names.ts';
import { defaultValue, parseValue, type Value, ValueError } from './parse.ts';
import { absolutePath, defaultDataDir } from './paths.ts';
import { readSettingsFile } from './settings-file.ts';

const MAX_SECRET_BYTES = 64 * 1024;

export interface LoadOptions {
  env: Readonly<Record<string, string | undefined>>;
  /** As `parseArgs` gives them, by name without dashes. `undefined` counts as not given. */
  flags?: Readonly<Record<string, string | boolean | undefined>>;
}

export interface LoadedSettings {
  settings: Settings;
  /** Sentences for the operator: old names, settings without effect. */
  warnings: readonly string[];
  /** Where each setting that is not at its default came from, by its environment name. */
  sources: ReadonlyMap<string, Source>;
}

/**
 * Reads every setting: flags win over the environment, the environment over `NAME_FILE` for secrets, that over the
 * settings file, that over the defaults. An empty value counts as not set. Throws ConfigError with every problem: an
 * unknown name, a value outside its range, settings that do not go together.
 */
export function loadSettings({ env, flags = {} }: LoadOptions): LoadedSettings {
  const report: Report = { problems: [], warnings: [] };
  const layers = [flagLayer(flags, report), environmentLayer(env, report)];
  const file = settingsFileLayer(layers, report);
  if (file !== undefined) layers.push(file);
  const places = layers.flatMap(({ values, files }) => [values, files]);

  const sources = new Map<string, Source>();
  const values: Record<string, Value> = {};
  const limits: Record<string, Value> = {};
  for (const row of rows) {
    const written = places.map((place) => place.get(row)).find((found) => found !== undefined);
    const into = row.at.length === 1 ? values : limits;
    const key = row.at.at(-1)!;
    into[key] = defaultValue(row.setting);
    if (written === undefined) continue;
    sources.set(row.setting.env, written.source);
    if (row.setting.later) report.warnings.push(`${written.label} has no effect in this version`);
    try {
      into[key] = readValue(row, written, env);
    } catch (error) {
      report.problems.push((error as Error).message);
    }
  }

  // An IPv6 address may stand in brackets, as it does in a URL.
  for (const key of ['host', 'wyomingHost']) values[key] = stripBrackets(String(values[key]));
  const settings = withPaths({ ...values, limits } as unknown as Settings, env);
  const checked = checkSettings(settings);
  const problems = [...report.problems, ...checked.problems];
  if (problems.length > 0) throw new ConfigError(problems);
  return { settings, warnings: [...report.warnings, ...checked.warnings], sources };
}

function readValue({ setting }: Row, written: Written, env: LoadOptions['env']): Value {
  if (written.inFile) {
    const options = { maxBytes: MAX_SECRET_BYTES, credentialsDirectory: env.CREDENTIALS_DIRECTORY };
    let content: string;
    try {
      content = readPrivateFile(absolutePath(String(written.value)), options);
    } catch (error) {
      throw new ValueError(`${written.label}: ${(error as Error).message}`);
    }
    const value = content.replace(/\r?\n$/, '');
    if (value === '') throw new ValueError(`${written.label} names an empty file`);
    return value;
  }
  try {
    const value = parseValue(setting, written.value);
    return setting.kind === 'path' ? absolutePath(value as string) : value;
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    const shown = setting.kind === 'secret' ? '' : ` is ${shorten(written.value)} but`;
    throw new ValueError(`${written.label}${shown} ${error.message}`);
  }
}

/** The settings file that a flag or the environment names. */
function settingsFileLayer(layers: readonly Layer[], report: Report): Layer | undefined {
  const row = rows.find(({ setting }) => setting.env === 'OS_SETTINGS_FILE')!;
  const written = layers.map(({ values }) => values.get(row)).find((found) => found !== undefined);
  if (written === undefined) return undefined;
  const path = absolutePath(String(written.value));
  try {
    const { content, loose } = readSettingsFile(path);
    const layer = fileLayer(content, path, report);
    if (layer.values.has(row)) report.problems.push(`${layer.values.get(row)!.label} has no meaning there`);
    const secret = [...layer.values].find(([{ setting }]) => setting.kind === 'secret');
    if (loose && secret !== undefined) {
      report.problems.push(`${secret[1].label} is a secret in a file that other users can read: chmod 600 ${path}`);
    }
    return layer;
  } catch (error) {
    report.problems.push((error as Error).message);
    return undefined;
  }
}

/** Fills in the folders whose default depends on the machine or on the data folder. */
function withPaths(settings: Settings, env: LoadOptions['env']): Settings {
  const dataDir = settings.dataDir || defaultDataDir(env);
  return {
    ...settings,
    dataDir,
    modelDir: settings.modelDir || join(dataDir, 'models'),
    ttsCacheDir: settings.ttsCacheDir || join(dataDir, 'cache'),
  };
}

function shorten(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
