import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ModelKind, ModelManifest } from './manifest.ts';
import { downloadBytes } from './needs.ts';
import { shippedManifests } from './shipped.ts';

const PAGE = resolve(import.meta.dirname, '../../docs/models.md');
const BEGIN = '<!-- Generated from catalog/ by `node src/models/document.ts --write`. -->\n';
const END = '<!-- End of what is generated. -->\n';

/** How many languages a row names before it only counts them. */
const NAMED_LANGUAGES = 5;

const TITLES: readonly (readonly [ModelKind, string])[] = [
  ['stt', 'Recognisers'],
  ['tts', 'Voices'],
  ['vad', 'Where a voice is'],
  ['denoise', 'Against noise'],
  ['diarization', 'Who speaks when'],
  ['speaker-embedding', 'To know a voice again'],
  ['punctuation', 'Punctuation'],
  ['language-id', 'Which language it is'],
  ['end-of-turn', 'Whether somebody has finished speaking'],
];

/** The tables of docs/models.md: every model that can be installed, by what it does. */
export function catalogTables(manifests: readonly ModelManifest[]): string {
  return TITLES.map(([kind, title]) => {
    const rows = manifests.filter((manifest) => manifest.kind === kind).map((manifest) => row(cells(manifest)));
    const head = ['Model', 'What it is', 'Languages', 'Download', 'Memory', 'Licence', 'Ask first'];
    return `### ${title}\n\n${row(head)}|${'---|'.repeat(head.length)}\n${rows.join('')}`;
  }).join('\n');
}

/** The page with its tables brought up to date. Throws an Error where the marks around them are missing. */
export function withTables(page: string, manifests: readonly ModelManifest[]): string {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error('docs/models.md has lost the marks around its tables');
  return `${page.slice(0, from + BEGIN.length)}\n${catalogTables(manifests)}\n${page.slice(to)}`;
}

function cells(manifest: ModelManifest): string[] {
  const { id, description, languages, memoryBytes, licence, confidence, commercialUse } = manifest;
  const ask = [
    ...(confidence === 'single-source' ? ['one source'] : []),
    ...(commercialUse === true ? [] : [commercialUse === false ? 'not for business' : 'licence']),
  ];
  const named = languages.includes('mul') ? 'any' : languages.slice(0, NAMED_LANGUAGES).join(', ');
  const count = languages.length > NAMED_LANGUAGES ? `, … (${languages.length})` : '';
  const words = licence.replaceAll('LicenseRef-', '').replaceAll(' AND ', ', ');
  return [
    `\`${id}\``,
    description,
    named + count,
    megabytes(downloadBytes(manifest)),
    megabytes(memoryBytes!),
    words,
    ask.join(', '),
  ];
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 1_000_000)} MB`;
const row = (columns: readonly string[]): string => `| ${columns.join(' | ')} |\n`;

/** `node src/models/document.ts` says whether the page is up to date; with `--write` it brings it up to date. */
if (import.meta.main) {
  const page = readFileSync(PAGE, 'utf8');
  const wanted = withTables(page, await shippedManifests());
  if (process.argv.includes('--write')) {
    writeFileSync(PAGE, wanted);
  } else if (page !== wanted) {
    console.error('docs/models.md is out of date: node src/models/document.ts --write');
    process.exitCode = 1;
  }
}
