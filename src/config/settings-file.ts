import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isLoose } from '../storage/private-file.ts';

const MAX_BYTES = 1024 * 1024;

export interface SettingsFile {
  content: Readonly<Record<string, unknown>>;
  /** Others may read it, so it must not hold a secret. */
  loose: boolean;
}

/** Reads a settings file, JSON where its name ends so and YAML otherwise. Throws an Error that says what is wrong. */
export function readSettingsFile(path: string): SettingsFile {
  const { text, loose } = read(path);
  let content: unknown;
  try {
    content = path.endsWith('.json') ? parseJson(text) : parseYaml(text);
  } catch (error) {
    throw new Error(`the settings file ${path} cannot be read: ${(error as Error).message}`);
  }
  if (content === null || content === undefined) content = {};
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new Error(`the settings file ${path} must hold names with values`);
  }
  return { content: content as Record<string, unknown>, loose };
}

function read(path: string): { text: string; loose: boolean } {
  let handle: number | undefined;
  try {
    handle = openSync(path, 'r');
    const stats = fstatSync(handle);
    if (!stats.isFile()) throw new Error('it is not a file');
    if (stats.size > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES} bytes`);
    return { text: readFileSync(handle, 'utf8'), loose: isLoose(stats) };
  } catch (error) {
    throw new Error(`the settings file ${path} cannot be read: ${(error as Error).message}`);
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // The engine's own message quotes the text, and the text may hold a secret.
    const [position = 'it does not parse'] = /position \d+/.exec((error as Error).message) ?? [];
    throw new Error(`not valid JSON, ${position}`);
  }
}

/** The parser's codes for what is YAML and still no settings. */
const YAML_FAULTS: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'repeats a name',
  TAG_RESOLVE_FAILED: 'has a tag, and settings are plain values',
};

/** Plain data only: no custom tags, no aliases, no repeated keys. Loaded here because few servers have such a file. */
function parseYaml(text: string): unknown {
  const { LineCounter, parseDocument } = createRequire(import.meta.url)('yaml') as typeof import('yaml');
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { uniqueKeys: true, prettyErrors: false, logLevel: 'silent', lineCounter });
  const fault = document.errors[0] ?? document.warnings[0];
  // Here too the parser's message may quote the text.
  if (fault !== undefined) {
    const { line } = lineCounter.linePos(fault.pos[0]);
    throw new Error(`line ${line} ${YAML_FAULTS[fault.code] ?? `is not valid YAML (${fault.code})`}`);
  }
  return document.toJS({ maxAliasCount: 0 });
}
