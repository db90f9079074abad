import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Voice } from '../engines/contract.ts';
import type { Catalog, CatalogModel } from './catalog.ts';
import { type NameSettings, Names } from './names.ts';
import { RECOMMENDED, STARTERS } from './shipped.ts';

const plain: NameSettings = {
  sttModel: '',
  ttsModel: '',
  ttsVoice: '',
  modelAliases: [],
  voiceAliases: [],
  defaultModels: [],
};

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

/** A recogniser that was added and hears these languages. */
function hears(id: string, ...languages: string[]): CatalogModel {
  return model(id, 'stt', { packaged: false, capabilities: { transcribe: { languages } } as never });
}

test('who names a language and no model gets its default, else that for all, else the best that knows it', () => {
  const all = [hears('english', 'en'), hears('many', 'en', 'de', 'pt'), hears('german', 'de')];
  const chosen = (settings: Partial<NameSettings>, language?: string) =>
    names(all, settings).model('stt', 'whisper-1', language).manifest.id;
  assert.equal(chosen({}), 'english');
  assert.equal(chosen({}, 'de-AT'), 'many', 'the first one that knows it');
  assert.equal(chosen({}, 'fr'), 'english', 'nobody knows it, which is for the request to say');
  const defaultModels = ['stt:de=german', 'stt:pt-BR=many'];
  assert.equal(chosen({ defaultModels }, 'de'), 'german');
  assert.equal(chosen({ defaultModels }, 'DE-at'), 'german');
  assert.equal(chosen({ defaultModels }, 'pt-BR'), 'many');
  assert.equal(chosen({ defaultModels, sttModel: 'english' }, 'pt'), 'english', 'a region does not stand for the rest');
  assert.equal(names(all, { defaultModels }).model('stt', 'english', 'de').manifest.id, 'english');
  assert.deepEqual(names(all, { defaultModels }).defaultFor(all[2]!), ['de']);
});

test('a default or an alias in a setting that is wrong stops the start with the entry', () => {
  for (const entry of ['stt:de=nothing', 'stt=ear', 'vad:de=ear', 'stt:de:at=ear', 'stt:d=ear', 'stt:de']) {
    assert.throws(() => names([packagedEar], { defaultModels: [entry] }), /OS_DEFAULT_MODELS/, entry);
  }
  assert.throws(
    () => names([packagedEar], { modelAliases: ['whisper-tiny=ear'] }),
    /whisper-tiny is the id of a model/,
  );
  assert.throws(() => names([packagedEar], { modelAliases: ['ear=ear'] }), /ear is the id of a model/);
});

test('a setting that names a model of the catalogue which is not here says how to get it', () => {
  const says = /whisper-tiny.* is not here\. Get it with: open-speech models pull whisper-tiny$/;
  for (const settings of [
    { sttModel: 'whisper-tiny' },
    { defaultModels: ['stt:de=whisper-tiny'] },
    { modelAliases: ['mine=whisper-tiny'] },
  ]) {
    assert.throws(() => names([packagedEar], settings), says);
  }
});

test('of several models that were added, the recommended ones are the default, and those of a first start the last', () => {
  const [recommended] = RECOMMENDED;
  const [starter] = STARTERS;
  const first = (...models: CatalogModel[]): string =>
    names([packagedEar, ...models]).model('stt', undefined).manifest.id;
  assert.equal(first(hears(starter!, 'en')), starter);
  assert.equal(first(hears(starter!, 'en'), hears('whisper-small', 'en')), 'whisper-small');
  assert.equal(first(hears('canary', 'en'), hears(starter!, 'en'), hears(recommended!, 'en')), recommended);
  const german = names([hears(recommended!, 'en'), hears('small-german', 'de')]).model('stt', undefined, 'de');
  assert.equal(german.manifest.id, 'small-german', 'one that knows the language is better than any that does not');
});

test('a model that goes after the start leaves answers that say which, never a failure', () => {
  const all = [packagedEar, hears('gone', 'en')];
  const known = names(all, { modelAliases: ['mine=gone', 'whisper-1=gone'], sttModel: 'gone' });
  all.pop();
  const lost = { code: 'model_not_found', param: 'model', message: /'gone', which is not here/ };
  assert.throws(() => known.model('stt', 'mine'), lost);
  assert.throws(() => known.model('stt', 'whisper-1'), lost);
  assert.throws(() => known.model('stt', undefined), { code: 'model_unavailable', message: /'gone' is not here/ });
  assert.equal(known.find('mine'), undefined);
  assert.equal(known.default('stt'), undefined);
});

test('a model of the catalogue that is not here is refused with the command that gets it', () => {
  const known = names([packagedEar]);
  assert.throws(() => known.model('stt', 'whisper-tiny'), {
    code: 'model_not_found',
    message: /models pull whisper-tiny/,
  });
  known.offer((name) => (name === 'other' ? 'new' : undefined));
  assert.throws(() => known.model('stt', 'other'), { code: 'model_not_found', message: /'new' is not here/ });
  assert.throws(() => known.model('stt', 'whisper-tiny'), { message: /There is no model 'whisper-tiny'/ });
});
