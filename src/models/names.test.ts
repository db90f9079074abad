import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Voice } from '../engines/contract.ts';
import type { Catalog, CatalogModel } from './catalog.ts';
import { type NameSettings, Names } from './names.ts';

const plain: NameSettings = { sttModel: '', ttsModel: '', ttsVoice: '', modelAliases: [], voiceAliases: [] };

const voice = (id: string, language: string, gender?: 'female' | 'male'): Voice => ({ id, name: id, language, gender });

function model(id: string, kind: 'tts' | 'stt', rest: Partial<CatalogModel> = {}, voices: Voice[] = []): CatalogModel {
  const speak = { voices, languages: ['en-us', 'de'], speed: null, pitch: null, phonemes: null, sampleRate: 24_000 };
  return {
    manifest: { id, kind, aliases: [`${id}-alias`] } as never,
    capabilities: kind === 'tts' ? { speak: { ...speak, instructions: false, wordMarks: false } } : {},
    available: true,
    packaged: true,
    created: 0,
    ...rest,
  };
}

function names(models: CatalogModel[], settings: Partial<NameSettings> = {}): Names {
  const catalog = { list: () => models, get: (id: string) => models.find(({ manifest }) => manifest.id === id) };
  return new Names(catalog as unknown as Catalog, { ...plain, ...settings });
}

const packagedVoice = model('robot', 'tts', {}, [
  voice('de', 'de'),
  voice('en-us', 'en-us'),
  voice('en-us+f1', 'en-us', 'female'),
  voice('en-us+f2', 'en-us', 'female'),
  voice('en-us+m1', 'en-us', 'male'),
  voice('de+f1', 'de', 'female'),
]);
const packagedEar = model('ear', 'stt');
const better = model('better', 'stt', { packaged: false });

test("OpenAI's names mean the best model that is available", () => {
  assert.equal(names([packagedVoice, packagedEar, better]).model('stt', 'whisper-1'), better);
  const broken = { ...better, available: false };
  assert.equal(names([packagedEar, broken]).model('stt', undefined), packagedEar);
  assert.equal(names([packagedEar, better], { sttModel: 'ear' }).model('stt', 'whisper-1'), packagedEar);
});

test('an unknown model is refused with the valid names, and so is one of the other kind', () => {
  const both = names([packagedVoice, packagedEar]);
  for (const name of ['whisper-9', 'robot', '__proto__', '']) {
    assert.throws(() => both.model('stt', name), {
      code: 'model_not_found',
      param: 'model',
      message: /ear, whisper-1/,
    });
  }
});

test('without any model the answer says how to get one', () => {
  const missing = model('ear', 'stt', { available: false, reason: 'not installed', remedy: 'npm run setup' });
  assert.throws(() => names([missing]).model('stt', 'whisper-1'), {
    code: 'model_unavailable',
    message: /npm run setup/,
  });
});

test("OpenAI's voices become different voices of the fitting gender, always the same ones", () => {
  const known = names([packagedVoice]);
  const chosen = (name: string, language?: string) => known.voice(packagedVoice, name, language);
  assert.deepEqual(
    ['alloy', 'coral', 'echo', 'alloy'].map((name) => chosen(name)),
    ['en-us+f1', 'en-us+f2', 'en-us+m1', 'en-us+f1'],
  );
  assert.equal(chosen('nova', 'de'), 'de+f1');
  assert.equal(known.voice(packagedVoice, undefined, undefined), 'en-us');
});

test("a model's own voice of that name is preferred", () => {
  const kokoro = model('k', 'tts', {}, [voice('af_bella', 'en-us', 'female'), voice('af_nova', 'en-us', 'female')]);
  assert.equal(names([kokoro]).voice(kokoro, 'nova', undefined), 'af_nova');
});

test('an unknown voice is refused with the valid ones, and an unknown language too', () => {
  const known = names([packagedVoice]);
  const unknown = { code: 'voice_not_found', param: 'voice', message: /en-us\+f1/ };
  assert.throws(() => known.voice(packagedVoice, 'alloyy', undefined), unknown);
  assert.throws(() => known.voice(packagedVoice, 'alloy', 'xx'), { code: 'unsupported_by_model', param: 'language' });
});

test("the operator's aliases win, and one that points to nothing stops the start", () => {
  const aliased = names([packagedVoice, packagedEar, better], {
    modelAliases: ['whisper-1=ear', 'mine=better'],
    voiceAliases: ['alloy=de', 'robot:boss=en-us+m1'],
  });
  assert.equal(aliased.model('stt', 'whisper-1'), packagedEar);
  assert.equal(aliased.model('stt', 'mine'), better);
  assert.equal(aliased.voice(packagedVoice, 'alloy', undefined), 'de');
  assert.equal(aliased.voice(packagedVoice, 'boss', undefined), 'en-us+m1');
  assert.throws(() => names([packagedEar], { modelAliases: ['a=b'] }), /OS_MODEL_ALIASES/);
  assert.throws(() => names([packagedEar], { sttModel: 'nothing' }), /STT_MODEL=nothing/);
});
