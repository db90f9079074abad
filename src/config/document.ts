import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { LimitSetting, Setting } from './kinds.ts';
import { limits } from './limits.ts';
import { rows } from './names.ts';
import { publicName } from './public-limits.ts';

const settingsIntro = `# Settings

<!-- Generated from src/config/settings.ts by \`node src/config/document.ts --write\`. -->

A setting can be given as a flag, in the environment, or in a settings file; the first of these that names it wins.
What nobody names has its default. An empty value counts as not given.

| Where | How \`OS_PORT\` is written |
|---|---|
| Flag | \`--port 8100\` |
| Environment | \`OS_PORT=8100\` |
| Settings file, YAML or JSON, named by \`OS_SETTINGS_FILE\` | \`port: 8100\` or \`OS_PORT: 8100\` |

Every \`OS_…\` name loses its \`OS_\` as a flag and in the file; \`STT_…\` and \`TTS_…\` names keep their first part:
\`TTS_SPEED\` is \`--tts-speed\` and \`ttsSpeed\`. Lists are divided by commas, or are lists in the file. Relative paths
start at the working folder, and \`~/\` is the home folder.

A secret can lie in a file of its own: \`OS_API_KEY_FILE=/run/secrets/api-key\`. Others must not be able to read that
file; its group may where root owns it, and secrets mounted under \`/run/secrets\` or passed by systemd's
\`LoadCredential\` are taken as they are. Secrets are refused as flags, because other users can read command lines, and
in a settings file that others can read.

The server does not start with a value outside its range, with settings that are unsafe together, or with an unknown
name that begins with \`OS_\`, \`STT_\` or \`TTS_\`; it names every problem at once. Bounds on sizes, counts and times
are in [limits.md](limits.md).
`;

const limitsIntro = `# Limits

<!-- Generated from src/config/limits.ts by \`node src/config/document.ts --write\`. -->

Every bound of the server. Each is a setting like those in [settings.md](settings.md): \`OS_MAX_UPLOAD_MB=200\`,
\`--max-upload-mb 200\`, or \`maxUploadMb: 200\`. Those marked public are told to callers by \`GET /v1/capabilities\`,
under the name given here and in the unit that the name ends with. A KB is 1024 bytes and an MB 1024 KB.
`;

/** The group of settings whose features are still to come. */
const LATER = 'Not yet';

/** The text of docs/settings.md. */
export function settingsDocument(): string {
  const groups = new Map<string, Setting[]>();
  for (const { setting } of rows) {
    if (setting.kind === 'limit') continue;
    const group = setting.group ?? 'Other';
    groups.set(group, [...(groups.get(group) ?? []), setting]);
  }
  const sections = [...groups].map(([group, settings]) => {
    const note =
      group === LATER
        ? 'Known names whose features are not in this version: they are checked and have no effect.\n\n'
        : '';
    const lines = settings.map((setting) =>
      tableRow([code(setting.env), values(setting), defaultText(setting), meaning(setting)]),
    );
    return `\n## ${group}\n\n${note}${table(['Name', 'Value', 'Default', 'Meaning'], lines)}`;
  });
  return `${settingsIntro}${sections.join('')}`;
}

/** The text of docs/limits.md. */
export function limitsDocument(): string {
  const lines = Object.entries<LimitSetting>(limits).map(([key, setting]) =>
    tableRow([
      code(setting.env),
      defaultText(setting),
      values(setting),
      setting.public ? code(publicName(key)) : '',
      meaning(setting),
    ]),
  );
  return `${limitsIntro}\n${table(['Name', 'Default', 'Range', 'Public', 'What it bounds'], lines)}`;
}

function values(setting: Setting): string {
  switch (setting.kind) {
    case 'int':
    case 'number':
    case 'limit': {
      const unit = setting.unit === undefined ? '' : ` ${setting.unit}`;
      return `${setting.min} to ${setting.max}${unit}`;
    }
    case 'choice':
      return setting.values.map(code).join(', ');
    case 'bool':
      return '`true`, `false`';
    case 'secret':
      return `secret; also ${code(`${setting.env}_FILE`)}`;
    default:
      return setting.kind;
  }
}

function defaultText(setting: Setting): string {
  const value = setting.kind === 'list' ? setting.default.join(',') : String(setting.default);
  const unit = setting.kind === 'limit' && setting.unit !== undefined ? ` ${setting.unit}` : '';
  return value === '' ? '' : `${code(value)}${unit}`;
}

function meaning(setting: Setting): string {
  const old = setting.was?.length ? ` Was ${setting.was.map(code).join(', ')}.` : '';
  const also = setting.also?.length ? ` Also read from ${setting.also.map(code).join(', ')}.` : '';
  const later = setting.later && setting.group !== LATER ? ' Not in this version yet.' : '';
  return `${setting.doc}${later}${also}${old}`;
}

const code = (text: string): string => `\`${text}\``;
const tableRow = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
const table = (head: readonly string[], lines: readonly string[]): string =>
  `${tableRow(head)}|${'---|'.repeat(head.length)}\n${lines.join('')}`;

/** `node src/config/document.ts` says whether the pages are up to date; with `--write` it brings them up to date. */
if (import.meta.main) {
  const docs = resolve(import.meta.dirname, '../../docs');
  for (const [file, text] of [
    ['settings.md', settingsDocument()],
    ['limits.md', limitsDocument()],
  ] as const) {
    const path = resolve(docs, file);
    if (process.argv.includes('--write')) {
      writeFileSync(path, text);
    } else if (readFileSync(path, 'utf8') !== text) {
      console.error(`docs/${file} is out of date: node src/config/document.ts --write`);
      process.exitCode = 1;
    }
  }
}
