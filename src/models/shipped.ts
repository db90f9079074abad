import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ModelKind, ModelManifest } from './manifest.ts';

/** Where the manifests of the models that can be installed lie: one file `<id>.json` for each. */
export const CATALOG_FOLDER = resolve(import.meta.dirname, '../../catalog');

/**
 * The smallest useful pair, an English recogniser and an English voice: about 60 MB together. A first start fetches them
 * by itself, so that they must need no consent.
 */
export const STARTERS: readonly string[] = ['moonshine-tiny-en', 'kitten-nano'];

/** What most people want on a machine that has the room: 25 languages heard, natural voices. */
export const RECOMMENDED: readonly string[] = ['parakeet-tdt-0.6b-v3', 'kokoro-v1.0-int8'];

/** Words that stand for several models where one is fetched by name. */
export const MODEL_GROUPS: ReadonlyMap<string, readonly string[]> = new Map([
  ['first', STARTERS],
  ['recommended', RECOMMENDED],
]);

/** Of the kinds that help a transcription or a conversation, the model that a refusal names where none is present. */
export const HELPERS = {
  vad: 'silero-vad',
  denoise: 'gtcrn',
  diarization: 'pyannote-titanet',
  punctuation: 'ct-transformer-zh-en',
  'language-id': 'language-id-whisper-tiny',
  'end-of-turn': 'smart-turn-v3.2',
} as const satisfies Partial<Record<ModelKind, string>>;

let manifests: Promise<readonly ModelManifest[]> | undefined;

/**
 * Every model that can be installed, by id. Read once, and not validated: the files are part of this installation, and
 * a test holds each to be exactly what the schema makes of it.
 */
export function shippedManifests(): Promise<readonly ModelManifest[]> {
  manifests ??= readAll().catch((error: unknown) => {
    manifests = undefined;
    throw error;
  });
  return manifests;
}

/** The model of this id or alias. */
export async function shippedManifest(name: string): Promise<ModelManifest | undefined> {
  const all = await shippedManifests();
  return all.find(({ id }) => id === name) ?? all.find(({ aliases }) => aliases.includes(name));
}

/**
 * The models that do this task in this language (BCP 47; whichever is not given does not matter). A plain language
 * stands for all its regions: `pt` finds `pt-BR`, and `en-GB` finds a model that knows `en`, but not one for `en-US`.
 */
export async function findShipped(wanted: { task?: ModelKind; language?: string }): Promise<readonly ModelManifest[]> {
  const { task, language } = wanted;
  return (await shippedManifests()).filter(
    ({ kind, languages }) =>
      (task === undefined || kind === task) &&
      (language === undefined || languages.some((known) => sameLanguage(known.toLowerCase(), language.toLowerCase()))),
  );
}

function sameLanguage(a: string, b: string): boolean {
  return a === b || a.startsWith(`${b}-`) || b.startsWith(`${a}-`);
}

async function readAll(): Promise<readonly ModelManifest[]> {
  const names = (await readdir(CATALOG_FOLDER)).filter((name) => name.endsWith('.json')).sort();
  return Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join(CATALOG_FOLDER, name), 'utf8')) as ModelManifest),
  );
}
