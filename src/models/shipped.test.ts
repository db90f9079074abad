import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { test } from 'node:test';
import { openModel } from '../../test/models/files.ts';
import { needs, sharedData } from '../../test/support/needs.ts';
import { loadSettings } from '../config/load.ts';
import { engineNames, loadEngine } from '../engines/index.ts';
import { capabilitiesOf, familyConfig, familyOf } from '../engines/sherpa/config.ts';
import { ROLES } from '../engines/vosk/model-folder.ts';
import { type ModelManifest, modelManifestSchema } from './manifest.ts';
import { packagedManifests } from './packaged.ts';
import {
  CATALOG_FOLDER,
  findShipped,
  HELPERS,
  RECOMMENDED,
  STARTERS,
  shippedManifest,
  shippedManifests,
} from './shipped.ts';
import { requireConsent } from './store/consent.ts';
import { Sources } from './store/sources.ts';

const manifests = await shippedManifests();
const folder = resolve('/models/x');
const open = (manifest: ModelManifest) => openModel(manifest, folder);
const sherpas = manifests.filter(({ engine }) => engine === 'sherpa');
/** Vosk's engine takes the whole folder: its files are where the library looks for them. */
const vosks = manifests.filter(({ engine }) => engine === 'vosk');
/** The words of a licence expression, as SPDX writes them. */
const licencesOf = ({ licence }: ModelManifest): string[] => licence.split(' AND ');

/** Licences that the catalogue may name, with what they say about commercial use. Undefined is for the reader to judge. */
const LICENCES: Readonly<Record<string, boolean | undefined>> = {
  MIT: true,
  'Apache-2.0': true,
  'GPL-3.0-or-later': true,
  'BSD-2-Clause': true,
  'CC0-1.0': true,
  'CC-BY-4.0': true,
  'CC-BY-SA-4.0': true,
  'CC-BY-NC-4.0': false,
  'CC-BY-NC-SA-4.0': false,
  'LicenseRef-Public-Domain': true,
  'LicenseRef-NVIDIA-Open-Model': true,
  'LicenseRef-Moonshine-Community': false,
  'LicenseRef-Blizzard-2013': false,
  'LicenseRef-FunASR-Model': undefined,
  'LicenseRef-FunASR-Model-1.1': undefined,
  'LicenseRef-Piper-Model-Card': undefined,
};

test('every file of the catalogue is a manifest, written in full and named after its id', () => {
  const files = readdirSync(CATALOG_FOLDER);
  assert.equal(files.length, manifests.length);
  for (const file of files) {
    const read: unknown = JSON.parse(readFileSync(join(CATALOG_FOLDER, file), 'utf8'));
    // Reading them does not fill in what is left out, nor puts the keys into the schema's order.
    const parsed = modelManifestSchema.parse(read);
    assert.equal(JSON.stringify(read), JSON.stringify(parsed), file);
    assert.equal(`${parsed.id}.json`, file);
    for (const key of ['description', 'memoryBytes', 'confidence', 'notes'] as const) assert.ok(parsed[key], file);
  }
});

test('no name stands for two models, nor for one that is packaged or one of OpenAI’s', () => {
  const names = [...manifests, ...packagedManifests].flatMap(({ id, aliases }) => [id, ...aliases]);
  assert.deepEqual(
    names.filter((name, at) => names.findIndex((other) => other.toLowerCase() === name.toLowerCase()) < at),
    [],
  );
  assert.deepEqual(
    names.filter((name) => /^(gpt-|tts-1|whisper-1$)/.test(name)),
    [],
  );
});

test('every model has an engine that opens its family and knows what it can do', async () => {
  for (const manifest of manifests) {
    assert.ok(engineNames.includes(manifest.engine), manifest.id);
    const engine = await loadEngine(manifest.engine);
    assert.ok(engine.families.includes(manifest.family), manifest.id);
    const { speak, transcribe } = engine.describe(open(manifest));
    assert.equal(speak !== undefined, manifest.kind === 'tts', manifest.id);
    assert.equal(transcribe !== undefined, manifest.kind === 'stt', manifest.id);
  }
});

test('every role that a family needs is a file of the model, and every role reaches the engine', () => {
  const others = manifests.filter((manifest) => !sherpas.includes(manifest) && !vosks.includes(manifest));
  assert.deepEqual(
    others.map(({ id, assets, files }) => [id, assets, files.map(({ path }) => path)]),
    [['smart-turn-v3.2', { model: 'model.onnx' }, ['model.onnx']]],
  );
  for (const manifest of sherpas) {
    const { id, assets, files, archive } = manifest;
    for (const role of familyOf(open(manifest)).required(open(manifest))) assert.ok(assets[role], `${id}: ${role}`);
    const config = JSON.stringify(familyConfig(open(manifest), 1));
    for (const [role, path] of Object.entries(assets)) {
      const there = files.some((file) => file.path === path) || (archive?.keep.includes(path) ?? false);
      assert.ok(there, `${id}: ${role} is no file`);
      // The recording that a voice imitates is read when it opens.
      const taken = role === 'reference' || config.includes(JSON.stringify(join(folder, path)).slice(1, -1));
      assert.ok(taken, `${id}: ${role} goes nowhere`);
    }
    for (const { path } of files) assert.ok(Object.values(assets).includes(path), `${id}: ${path} has no role`);
  }
});

test('a Vosk model keeps the whole of its archive and has its roles where libvosk looks, in one of the two layouts', () => {
  for (const { id, archive, assets, files, options } of vosks) {
    assert.deepEqual([archive?.format, archive?.stripComponents, archive?.keep], ['zip', 1, 'all'], id);
    assert.deepEqual(Object.keys(assets), [...ROLES], id);
    assert.deepEqual(
      files,
      Object.values(assets).map((path) => ({ path })),
      id,
    );
    const flat = ['vosk-small-pt', 'vosk-small-tr'].includes(id);
    assert.deepEqual(Object.values(assets), flat ? ['final.mdl', 'mfcc.conf'] : ['am/final.mdl', 'conf/mfcc.conf'], id);
    assert.deepEqual(options, {}, id);
  }
});

test('every option has an effect', () => {
  const seen = (manifest: ModelManifest) =>
    JSON.stringify([familyConfig(open(manifest), 1), capabilitiesOf(open(manifest))]);
  for (const manifest of sherpas) {
    for (const option of Object.keys(manifest.options)) {
      if (option === 'referenceText') continue;
      const { [option]: _, ...options } = manifest.options;
      assert.notEqual(seen({ ...manifest, options }), seen(manifest), `${manifest.id}: ${option}`);
    }
  }
});

test('files come from hosts that are allowed, at a commit where the hub has commits', () => {
  const sources = new Sources(loadSettings({ env: {} }).settings);
  for (const { id, archive, files, revision } of manifests) {
    for (const { url } of [...files, ...(archive === undefined ? [] : [archive])]) {
      if (url === undefined) continue;
      const { host, pathname } = sources.locate(url);
      if (host === 'huggingface.co') {
        assert.match(pathname, new RegExp(`^/[^/]+/[^/]+/resolve/${revision}/`), id);
        assert.match(revision, /^[0-9a-f]{40}$/, id);
      } else if (host === 'alphacephei.com') {
        assert.ok(pathname.includes(`-${revision}`), id);
      } else {
        assert.match(url, /^https:\/\/github\.com\/k2-fsa\/sherpa-onnx\/releases\/download\//, id);
      }
    }
    if (archive?.url.startsWith('https://github.com/')) {
      assert.ok(archive.url.includes(`/releases/download/${revision}/`), id);
    }
  }
});

test('licences are known ones, and a model is free for business only where all of them are', () => {
  for (const manifest of manifests) {
    const said = licencesOf(manifest).map((licence) => {
      assert.ok(licence in LICENCES, `${manifest.id}: ${licence}`);
      return LICENCES[licence];
    });
    const allowed = said.includes(false) ? false : said.includes(undefined) ? undefined : true;
    assert.equal(manifest.commercialUse, allowed, manifest.id);
    if (manifest.archive?.keep.includes('espeak-ng-data')) {
      assert.ok(licencesOf(manifest).includes('GPL-3.0-or-later'), manifest.id);
    }
  }
});

test('voices have names and numbers of their own and speak languages of their model', () => {
  for (const { id, kind, voices, languages, sampleRate } of manifests) {
    assert.equal(voices !== undefined && sampleRate !== undefined, kind === 'tts', id);
    if (voices === undefined) continue;
    assert.equal(new Set(voices.map((voice) => voice.id)).size, voices.length, id);
    assert.equal(new Set(voices.map((voice) => voice.speaker)).size, voices.length, id);
    for (const { language } of voices) assert.ok(languages.includes(language), `${id}: ${language}`);
    const spoken = languages.filter((language) => !voices.some((voice) => voice.language === language));
    assert.ok(
      spoken.length === 0 || ['melo-zh-en', 'zipvoice-distill-zh-en-int8'].includes(id),
      `${id}: nobody speaks ${spoken}`,
    );
  }
});

test('Kokoro and Kitten have their speakers in the documented order', async () => {
  const numbers = async (id: string) =>
    Object.fromEntries((await shippedManifest(id))!.voices!.map((voice) => [voice.id, voice.speaker]));
  const v1 = await numbers('kokoro-v1.0-int8');
  assert.deepEqual([v1.af_alloy, v1.af_heart, v1.am_adam, v1.bf_emma, v1.bm_lewis], [0, 3, 11, 21, 27]);
  assert.deepEqual([v1.ef_dora, v1.ff_siwis, v1.if_sara, v1.pm_santa, v1.jf_alpha], [28, 30, 35, 44, undefined]);
  assert.deepEqual([v1.zf_xiaobei, v1.zm_yunyang, Object.keys(v1).length], [45, 52, 48]);
  const zh = await numbers('kokoro-v1.1');
  assert.deepEqual([zh.bf_vale, zh.zf_001, zh.zf_099, zh.zm_009, zh.zm_100], [2, 3, 57, 58, 102]);
  assert.equal((await numbers('kokoro-v0.19')).bm_lewis, 10);
  const kitten = await numbers('kitten-nano');
  assert.deepEqual([kitten.jasper, kitten.bella, kitten.luna, kitten.kiki], [0, 1, 3, 7]);
});

test('a model needs more memory than its weights have bytes, and says what the number rests on', () => {
  for (const { id, memoryBytes, files, archive, notes } of manifests) {
    const known = files.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
    assert.ok(memoryBytes! > known, id);
    assert.ok(archive === undefined || memoryBytes! > 100_000_000, id);
    assert.ok(
      notes!.some(({ text }) => /^memoryBytes (is an estimate|was measured)/.test(text)),
      id,
    );
  }
});

test('the recommended models and the starters need no consent, and hear and speak', async () => {
  for (const pair of [RECOMMENDED, STARTERS]) {
    const kinds = [];
    for (const id of pair) {
      const manifest = await shippedManifest(id);
      assert.equal(manifest?.id, id);
      requireConsent(manifest, {});
      kinds.push(manifest.kind);
    }
    assert.deepEqual(kinds, ['stt', 'tts']);
  }
});

test('the models that refusals name are of their kind and need no consent', async () => {
  for (const [kind, id] of Object.entries(HELPERS)) {
    const manifest = await shippedManifest(id);
    assert.equal(manifest?.kind, kind);
    requireConsent(manifest, {});
  }
});

test('a model that helps can do what its kind promises', async () => {
  const abilities = {
    vad: 'detectSpeech',
    denoise: 'denoise',
    diarization: 'diarize',
    'speaker-embedding': 'embedSpeaker',
    punctuation: 'punctuate',
    'language-id': 'identifyLanguage',
  } as const;
  for (const [kind, ability] of Object.entries(abilities)) {
    const ofKind = manifests.filter((manifest) => manifest.kind === kind);
    assert.ok(ofKind.length > 0, kind);
    for (const manifest of ofKind) assert.ok(capabilitiesOf(open(manifest))[ability], manifest.id);
  }
});

test('a model is found by id, by alias, by task and by language', async () => {
  assert.equal((await shippedManifest('whisper-tiny'))?.id, 'whisper-tiny');
  assert.equal((await shippedManifest('de_DE-thorsten-medium'))?.id, 'piper-de-de-thorsten-medium');
  assert.equal(await shippedManifest('no-such-model'), undefined);

  const ids = async (wanted: Parameters<typeof findShipped>[0]) => (await findShipped(wanted)).map(({ id }) => id);
  const russian = ['piper-ru-ru-dmitri-medium', 'piper-ru-ru-irina-medium'];
  assert.deepEqual(await ids({ task: 'tts', language: 'ru' }), russian);
  assert.deepEqual(await ids({ task: 'tts', language: 'RU-ru' }), russian);
  assert.deepEqual(await ids({ task: 'tts', language: 'xx' }), []);
  assert.ok((await ids({ task: 'stt', language: 'en-GB' })).includes('whisper-tiny.en'));
  assert.ok(!(await ids({ task: 'tts', language: 'en-GB' })).includes('kitten-nano'));
  assert.equal((await ids({})).length, manifests.length);
});

interface Pin {
  url: string;
  bytes?: number;
  sha256: string;
  licence: string;
  confidence: string;
}
const pinsFile = resolve(sharedData, '../spec/model-pins.json');

test('every size and hash is the pinned one, or says where it was read', {
  skip: needs({ 'model-pins.json': pinsFile }),
}, () => {
  const { confirmed, one_source } = JSON.parse(readFileSync(pinsFile, 'utf8')) as Record<string, Pin[]>;
  const pins = new Map([...one_source!, ...confirmed!].map((pin) => [pin.url, pin]));
  for (const manifest of manifests) {
    const { id, archive, files, notes, confidence } = manifest;
    const found = notes?.find(({ text }) => text.startsWith('The size and the SHA-256 of the archive were read in'));
    if (found !== undefined) {
      assert.equal(pins.has(archive!.url), false, `${id}: there is a pin`);
      assert.equal(confidence, found.text.includes('lists that agree') ? 'two-sources' : 'single-source', id);
      continue;
    }
    const used: Pin[] = [];
    for (const { url, bytes, sha256 } of [...files, ...(archive === undefined ? [] : [archive])]) {
      if (url === undefined) continue;
      const pin = pins.get(url);
      assert.ok(pin, `${id}: ${basename(url)} is not pinned`);
      assert.equal(sha256, pin.sha256, `${id}: ${basename(url)}`);
      const elsewhere = notes!.some(({ text }) => /^The size of the (archive|file) was read in public/.test(text));
      assert.equal(elsewhere, pin.bytes === undefined, id);
      if (pin.bytes !== undefined) assert.equal(bytes, pin.bytes, `${id}: ${basename(url)}`);
      used.push(pin);
    }
    const single = used.some((pin) => pin.confidence === 'one source');
    assert.equal(confidence, single ? 'single-source' : 'two-sources', id);
    // The pins tell licences in words, beginning with that of the model itself.
    const [main] = licencesOf(manifest);
    // Its makers say MIT where the pin gives the licence that most models of Vosk have.
    if (id === 'vosk-small-cs') continue;
    const words = main!.replace('LicenseRef-', '').split('-', 1)[0]!;
    assert.ok(
      used.some(({ licence }) => licence.toLowerCase().includes(words.toLowerCase())),
      `${id}: ${main}`,
    );
  }
});
