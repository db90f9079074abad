import { fileName, flagName, nearestName, type Row, rows } from './names.ts';

/** Where a value came from, strongest first. A secret file counts right after the place that named it. */
export type Source = 'flag' | 'environment' | 'settings file' | 'default';

/** A value as somebody wrote it, with the name they used. */
export interface Written {
  /** As it appears in messages: `OS_PORT`, `--port`, `port in /etc/open-speech.yaml`. */
  label: string;
  value: unknown;
  source: Source;
  /** The value is the path of a file that holds the secret. */
  inFile: boolean;
}

/** What was written in one place: values by row, and values whose secret lies in a file by row. */
export interface Layer {
  values: Map<Row, Written>;
  files: Map<Row, Written>;
}

/** Collects what the operator should hear of. */
export interface Report {
  problems: string[];
  warnings: string[];
}

interface Name {
  row: Row;
  inFile: boolean;
  /** 0 for the present name, then the older ones in their order: a lower rank wins. */
  rank: number;
  /** Other programs use this name too, so nobody needs to be told to change it. */
  shared?: boolean;
}

const PREFIX = /^(OS|STT|TTS)_/;
/** Read by the test suite, not by the server. */
const NOT_SETTINGS = /^OS_TEST_/;

const environmentNames = new Map<string, Name>();
const flagNames = new Map<string, Name>();
const fileNames = new Map<string, Name>();
for (const row of rows) {
  const { env, was = [], also = [], kind } = row.setting;
  const name = { row, inFile: false, rank: 0 };
  environmentNames.set(env, name);
  flagNames.set(flagName(env), name);
  fileNames.set(fileName(env), name);
  was.forEach((old, index) => {
    environmentNames.set(old, { row, inFile: false, rank: index + 1 });
  });
  also.forEach((others, index) => {
    environmentNames.set(others, { row, inFile: false, rank: was.length + index + 1, shared: true });
  });
  if (kind === 'secret') {
    const inFile = { row, inFile: true, rank: 0 };
    environmentNames.set(`${env}_FILE`, inFile);
    flagNames.set(flagName(`${env}_FILE`), inFile);
    fileNames.set(fileName(`${env}_FILE`), inFile);
  }
}
for (const [env, name] of environmentNames) fileNames.set(env, name);

/** The options of `parseArgs` from `node:util` for every setting, so that the command line knows them all. */
export function flagOptions(): Record<string, { type: 'string' | 'boolean' }> {
  return Object.fromEntries(
    [...flagNames].map(([flag, { row }]) => [flag, { type: row.setting.kind === 'bool' ? 'boolean' : 'string' }]),
  );
}

/** Reads the environment. Only names that begin with `OS_`, `STT_` or `TTS_` are ours; a few others are shared. */
export function environmentLayer(env: Readonly<Record<string, string | undefined>>, report: Report): Layer {
  const ours = (name: string) => (PREFIX.test(name) && !NOT_SETTINGS.test(name)) || environmentNames.get(name)?.shared;
  const entries = Object.entries(env).filter(([name]) => ours(name));
  return layer(entries, environmentNames, 'environment', (name) => name, report);
}

/** Reads flags by name without dashes. A secret is refused: other users can read command lines. */
export function flagLayer(flags: Readonly<Record<string, string | boolean | undefined>>, report: Report): Layer {
  const read = layer(Object.entries(flags), flagNames, 'flag', (name) => `--${name}`, report);
  for (const [row, { label }] of read.values) {
    if (row.setting.kind !== 'secret') continue;
    read.values.delete(row);
    report.problems.push(`${label} is not accepted, because other users can read command lines: use ${label}-file`);
  }
  return read;
}

/** Reads the content of a settings file. */
export function fileLayer(content: Readonly<Record<string, unknown>>, path: string, report: Report): Layer {
  return layer(Object.entries(content), fileNames, 'settings file', (name) => `${name} in ${path}`, report);
}

function layer(
  entries: [string, unknown][],
  names: ReadonlyMap<string, Name>,
  source: Source,
  label: (name: string) => string,
  report: Report,
): Layer {
  const read: Layer = { values: new Map(), files: new Map() };
  const ranks = new Map<Row, number>();
  for (const [written, value] of entries) {
    if (value === '' || value === undefined || value === null) continue;
    const name = names.get(written);
    if (name === undefined) {
      const nearest = nearestName(written, names.keys());
      const hint = nearest === undefined ? '' : `; did you mean ${label(nearest)}?`;
      report.problems.push(`${label(written)} is not a setting of Open Speech${hint}`);
      continue;
    }
    const present = name.row.setting.env;
    if (name.rank > 0 && !name.shared) report.warnings.push(`${label(written)} is an old name: write ${present}`);
    const into = name.inFile ? read.files : read.values;
    const other = into.get(name.row);
    if (other !== undefined) {
      const wins = name.rank < ranks.get(name.row)!;
      const [winner, loser] = wins ? [label(written), other.label] : [other.label, label(written)];
      const shared = name.shared || environmentNames.get(other.label)?.shared;
      if (!shared) report.warnings.push(`${loser} is ignored, because ${winner} is set too`);
      if (!wins) continue;
    }
    if (!name.inFile) ranks.set(name.row, name.rank);
    into.set(name.row, { label: label(written), value, source, inFile: name.inFile });
  }
  return read;
}
