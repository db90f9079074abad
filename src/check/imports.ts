/**
 * Reads every import of `src/` and `web/src/` and fails on one that points up. `npm run check` runs it.
 *
 * It relies on Biome's formatting: a statement begins at the start of its line and names are in single quotes.
 */
import { readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';

interface Room {
  /** A folder or a file of `src/`. The longest that fits a file is its room. */
  readonly name: string;
  /** What it may import besides itself: rooms that stand above it in the list, so that there are no cycles. */
  readonly imports: readonly string[];
}

const room = (name: string, imports = ''): Room => ({ name, imports: imports.split(' ').filter(Boolean) });

/**
 * The rooms from the ground up. The spine is api → speech → workers → engines. Imports of types count too: a room that
 * needs another's words cannot be understood without it.
 */
export const ROOMS: readonly Room[] = [
  room('storage'),
  room('security', 'storage'),
  room('config', 'storage security'),
  room('telemetry', 'security config'),
  room('processes'),
  room('accounts', 'storage security'),
  // Neither knows of callers, queues, the network or the database.
  room('audio', 'config processes'),
  room('engines', 'config processes'),
  room('models', 'storage security config telemetry processes engines'),
  room('workers', 'config telemetry processes engines'),
  room('speech', 'storage config telemetry audio engines models workers'),
  room('live', 'config telemetry audio engines models workers speech'),
  // A protocol without requests and headers: it stands beside the API, not in it.
  room('wyoming', 'security config telemetry accounts audio engines models workers speech live'),
  room('realtime', 'security config telemetry audio models live'),
  room('deepgram', 'security config audio engines speech live'),
  room('api', 'security config telemetry accounts audio models workers speech live realtime deepgram'),
  // Puts the rooms together.
  room('open-speech.ts', 'storage security config telemetry accounts speech live wyoming api'),
  room('cli', 'storage security config telemetry accounts audio engines models workers speech wyoming open-speech.ts'),
  room('check'),
];

/** The words that all rooms share. Every room may import them, and they import nothing. */
export const SHARED: readonly Room[] = [room('errors.ts'), room('models/manifest.ts')];

/** Packages that one room keeps to itself, so that the others can be read without knowing them. */
export const KEEPERS: readonly { packages: RegExp; rooms: readonly string[] }[] = [
  { packages: /^(fastify|fastify-.+|@fastify\/.+)$/, rooms: ['api'] },
  { packages: /^(node:sqlite|kysely(\/.+)?)$/, rooms: ['storage'] },
  { packages: /^node-av(\/.+)?$/, rooms: ['audio'] },
  { packages: /^(sherpa-onnx-node|koffi|@echogarden\/espeak-ng-emscripten)$/, rooms: ['engines'] },
  { packages: /^node:child_process$/, rooms: ['processes', 'cli'] },
];

export interface Import {
  line: number;
  specifier: string;
}

const STATEMENT = /^(?:import|export)\b[^;'"`]*?\bfrom '([^']+)'|^import '([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm;
const UNREADABLE = /\bimport\(\s*`/g;

/** What a module imports, static or not, types included. Throws on an import whose name is put together at run time. */
export function importsOf(source: string): Import[] {
  const lineAt = (index: number): number => source.slice(0, index).split('\n').length;
  const unreadable = UNREADABLE.exec(source);
  UNREADABLE.lastIndex = 0;
  if (unreadable !== null) throw new Error(`${lineAt(unreadable.index)}: an import needs a name that can be read`);
  return [...source.matchAll(STATEMENT)].map((match) => ({
    line: lineAt(match.index + match[0].length),
    specifier: match.slice(1).find((group) => group !== undefined)!,
  }));
}

/** Every import that points where it may not, as `file:line message`. Tests may import anything. */
export async function checkImports(root: string): Promise<string[]> {
  const problems: string[] = [];
  const files = glob(['src/**/*.ts', 'web/src/**/*.{ts,tsx}'], {
    cwd: root,
    exclude: ['**/*.test.ts', '**/*.test.tsx'],
  });
  for await (const file of files) {
    const check = file.startsWith('src/') ? problemOf : webProblemOf;
    try {
      for (const { line, specifier } of importsOf(readFileSync(resolve(root, file), 'utf8'))) {
        const problem = check(file, specifier);
        if (problem !== undefined) problems.push(`${file}:${line} ${problem}`);
      }
    } catch (error) {
      problems.push(`${file}:${(error as Error).message}`);
    }
  }
  return problems.sort();
}

/** What is wrong with an import, or undefined. `file` is relative to the root. */
export function problemOf(file: string, specifier: string): string | undefined {
  const from = roomOf(file);
  if (from === undefined) return 'stands in a room that src/check/imports.ts does not know';
  if (!specifier.startsWith('.')) {
    const keeper = KEEPERS.find(({ packages }) => packages.test(specifier));
    if (keeper === undefined || keeper.rooms.includes(from.name)) return undefined;
    return `imports ${specifier}, which only ${keeper.rooms.join(' and ')} may`;
  }
  const target = relative('.', resolve(dirname(file), specifier));
  if (target === 'package.json') return undefined;
  const to = roomOf(target);
  if (to === undefined) return `imports ${target}, which no room of src/ holds`;
  if (to === from || SHARED.includes(to) || from.imports.includes(to.name)) return undefined;
  return `imports ${target}, but ${from.name} may not import ${to.name}`;
}

function webProblemOf(file: string, specifier: string): string | undefined {
  const target = relative('.', resolve(dirname(file), specifier));
  return specifier.startsWith('.') && !target.startsWith('web/')
    ? `imports ${target}: the page knows only the API`
    : undefined;
}

function roomOf(file: string): Room | undefined {
  const inside = file.startsWith('src/') ? file.slice('src/'.length) : undefined;
  const fits = [...SHARED, ...ROOMS].filter(({ name }) => inside === name || inside?.startsWith(`${name}/`));
  return fits.sort((a, b) => b.name.length - a.name.length)[0];
}

if (import.meta.main) {
  const problems = await checkImports(resolve(import.meta.dirname, '../..'));
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
}
