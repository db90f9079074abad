/**
 * Lists every package that an installation without development tools contains, with its licence, and fails on one
 * that may not be in it: `npm run licences`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

export interface Licence {
  name: string;
  version: string;
  /** SPDX expression, or what the package wrote in its place. */
  licence: string;
  /** What the reader should know about it, empty for most. */
  note: string;
  allowed: boolean;
}

interface LockEntry {
  version?: string;
  license?: string;
  dev?: boolean;
  link?: boolean;
}

/** Terms under which a package may be part of an MIT project without more than keeping its notice. */
const ALLOWED: ReadonlySet<string> = new Set([
  ...['MIT', 'ISC', '0BSD', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', 'BlueOak-1.0.0', 'Unlicense', 'CC0-1.0'],
  // Copyleft by the file: asks for the source of its own files only, and they are published unchanged.
  'MPL-2.0',
]);

/** Packages whose own words about their licence are missing or tell less than the whole. */
const CORRECTIONS: readonly { packages: RegExp; licence: string; note: string }[] = [
  {
    packages: /^@seydx\/node-av-/,
    licence: 'MIT AND GPL-3.0-or-later',
    note: 'declares MIT; its FFmpeg is built with --enable-gpl --enable-version3; runs in media processes only',
  },
  {
    packages: /^sherpa-onnx-(linux|darwin|win)-/,
    licence: 'Apache-2.0 AND GPL-3.0-or-later',
    note: 'declares Apache-2.0; carries eSpeak NG (k2-fsa/sherpa-onnx#3731); runs in engine processes only',
  },
  { packages: /^@shinyoshiaki\/jspack$/, licence: 'BSD-3-Clause', note: 'declares none; by its LICENSE file' },
];

/** The packages that may hold GPL code: each runs in a process of its own, apart from ours. */
const APART: readonly { packages: RegExp; note: string }[] = [
  { packages: /^@echogarden\/espeak-ng-emscripten$/, note: 'runs in engine processes only; optional' },
  { packages: /^@seydx\/node-av-/, note: '' },
  { packages: /^sherpa-onnx-(linux|darwin|win)-/, note: '' },
];

const GPL = /^GPL-3\.0(-only|-or-later)?$/;

/** Every package of the lockfile that is not for development only, by name. Packages for other platforms are listed too. */
export function licences(root: string): Licence[] {
  const lock = JSON.parse(readFileSync(resolve(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockEntry>;
  };
  return Object.entries(lock.packages)
    .filter(([path, { dev, link }]) => path !== '' && dev !== true && link !== true)
    .map(([path, entry]) => {
      const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
      return judge(name, entry.version ?? '', declaredLicence(resolve(root, path, 'package.json')) ?? entry.license);
    })
    .sort((a, b) => a.name.localeCompare(b.name) || a.version.localeCompare(b.version));
}

/** Whether a package may be in an installation under what it declares. */
export function judge(name: string, version: string, declared: string | undefined): Licence {
  const correction = CORRECTIONS.find(({ packages }) => packages.test(name));
  const apart = APART.find(({ packages }) => packages.test(name));
  const licence = correction?.licence ?? declared ?? 'unknown';
  return {
    name,
    version,
    licence,
    note: correction?.note ?? apart?.note ?? '',
    allowed: fits(licence, (id) => ALLOWED.has(id) || (apart !== undefined && GPL.test(id))),
  };
}

/** `A OR B` fits with one of them, `A AND B` with both. */
function fits(expression: string, allowed: (id: string) => boolean): boolean {
  return expression
    .replace(/^\((.*)\)$/, '$1')
    .split(' OR ')
    .some((choice) => choice.split(' AND ').every((id) => allowed(id.trim())));
}

/** The licence in a package.json, in today's form or in the two old ones; undefined where it is not installed. */
function declaredLicence(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  type Named = string | { type?: string };
  const { license, licenses } = JSON.parse(readFileSync(path, 'utf8')) as { license?: Named; licenses?: Named[] };
  const named = [license, ...(licenses ?? [])].filter((each) => each !== undefined);
  const types = named.map((each) => (typeof each === 'string' ? each : each.type)).filter((type) => type !== undefined);
  return types.length === 0 ? undefined : types.join(' OR ');
}

if (import.meta.main) {
  const all = licences(resolve(import.meta.dirname, '../..'));
  for (const { name, version, licence, note } of all) {
    console.log(`${name}@${version}  ${licence}${note === '' ? '' : `  (${note})`}`);
  }
  const refused = all.filter(({ allowed }) => !allowed);
  for (const { name, licence } of refused) {
    console.error(`${name} is under ${licence}, which src/check/licences.ts does not allow`);
  }
  if (refused.length > 0) process.exitCode = 1;
}
