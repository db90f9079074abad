import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Media, RecordingPiece } from '../audio/contract.ts';
import { loadSettings } from '../config/load.ts';
import type { Capabilities } from '../engines/contract.ts';
import { SpeechError } from '../errors.ts';
import type { CatalogModel } from '../models/catalog.ts';
import type { Names } from '../models/names.ts';
import type { CallContext } from '../workers/contract.ts';
import { WholeRecordings } from './steps/whole-recordings.ts';
import { type TranscribeDeps, type TranscribeRequest, transcribe } from './transcribe.ts';

interface Called {
  operation: string;
  request: Record<string, unknown>;
  context: CallContext;
}

const model = (id: string, capabilities: Capabilities): CatalogModel =>
  ({ manifest: { id, languages: ['en', 'de'] }, capabilities, available: true }) as unknown as CatalogModel;

/** Knows two languages and must be told which. */
const recogniser = model('ear', {
  transcribe: {
    ...{ languages: ['en', 'de'], detectsLanguage: false, wordTimes: false, confidence: false },
    ...{ translate: false, maxAudioMs: 30_000 },
  },
});

/** Recordings of `pieces` seconds, each a piece, and engines that answer with what the table says. */
function world(
  pieces: number,
  models: Record<string, CatalogModel>,
  answers: Record<string, object>,
  admitting = true,
) {
  const called: Called[] = [];
  async function* decode(): AsyncGenerator<RecordingPiece> {
    for (let at = 0; at < pieces; at++) {
      const pcm = new Float32Array(16_000).fill(0.1 * (at + 1));
      yield { pcm, startMs: at * 1000, endMs: (at + 1) * 1000, speech: true };
    }
  }
  async function* call(operation: string, _: string, request: Called['request'], context: CallContext) {
    called.push({ operation, request, context });
    const answer = answers[operation]!;
    if (answer instanceof Error) throw answer;
    yield answer;
  }
  const deps = {
    router: { call, status: () => ({ admitting }) },
    media: { decode } as unknown as Media,
    names: { default: (kind: string) => models[kind] } as unknown as Names,
    metrics: { audioHeard: () => {} },
    settings: loadSettings({ env: {} }).settings,
    wholeRecordings: new WholeRecordings(1),
  } as unknown as TranscribeDeps;
  const hear = async (more: Partial<TranscribeRequest> = {}) => {
    const request: TranscribeRequest = { path: '', model: recogniser, words: false, task: 'transcribe', ...more };
    const caller = { requestId: 'r', keyId: 'k', signal: new AbortController().signal };
    const segments = [];
    for await (const segment of transcribe(deps, request, caller).segments) segments.push(segment);
    return segments;
  };
  return { called, hear };
}

const heard = { transcribe: { text: 'words', startMs: 0, endMs: 1000 } };
const languagesOf = (called: Called[]) =>
  called.filter(({ operation }) => operation === 'transcribe').map(({ request }) => request.language);

describe('a recogniser that must be told the language', () => {
  const finder = { 'language-id': model('finder', { identifyLanguage: true }) };

  test('is told the one of the first piece, which is found once', async () => {
    const { called, hear } = world(5, finder, { ...heard, identifyLanguage: { language: 'de' } });
    await hear();
    assert.equal(called.filter(({ operation }) => operation === 'identifyLanguage').length, 1);
    assert.deepEqual(languagesOf(called), Array(5).fill('de'));
  });

  test('is told none that it does not know, and nothing where none was found', async () => {
    for (const found of [{ language: 'ja' }, {}]) {
      const { called, hear } = world(2, finder, { ...heard, identifyLanguage: found });
      await hear();
      assert.deepEqual(languagesOf(called), [undefined, undefined]);
    }
  });

  test('is told the caller’s, without any look at the recording', async () => {
    const { called, hear } = world(2, finder, heard);
    await hear({ language: 'en' });
    assert.deepEqual(
      called.map(({ operation, request }) => [operation, request.language]),
      Array(2).fill(['transcribe', 'en']),
    );
  });
});

test('the first call of each model asks to be admitted, and only the first piece is urgent', async () => {
  const models = { denoise: model('quiet', { denoise: true }) };
  const answers = { ...heard, denoise: { pcm: new Float32Array(16_000), sampleRate: 16_000 } };
  const { called, hear } = world(3, models, answers);
  assert.equal((await hear({ denoise: true })).length, 3);
  for (const operation of ['denoise', 'transcribe']) {
    const contexts = called.filter((each) => each.operation === operation).map(({ context }) => context);
    assert.deepEqual(
      contexts.map(({ lane, continues }) => [lane, continues]),
      [
        ['interactive', false],
        ['batch', true],
        ['batch', true],
      ],
      operation,
    );
  }
});

test('what comes after recognition continues it, and so does everything once the server shuts down', async () => {
  const models = {
    denoise: model('quiet', { denoise: true }),
    punctuation: model('marks', { punctuate: { languages: ['en'] } }),
  };
  const answers = {
    ...heard,
    denoise: { pcm: new Float32Array(16_000), sampleRate: 16_000 },
    punctuate: { text: 'Words.' },
  };
  for (const [admitting, hearing] of [
    [true, false],
    [false, true],
  ] as const) {
    const { called, hear } = world(1, models, answers, admitting);
    assert.equal((await hear({ denoise: true, punctuate: true }))[0]?.text, 'Words.');
    assert.deepEqual(
      called.map(({ operation, context }) => [operation, context.continues]),
      [
        ['denoise', false],
        ['transcribe', hearing],
        ['punctuate', true],
      ],
    );
  }
});

test('a broken model that nobody asked for is done without, one that somebody asked for is an error', async () => {
  const broken = new SpeechError('model_unavailable', 'It cannot be loaded.');
  const models = {
    vad: model('voices', { detectSpeech: true }),
    'language-id': model('finder', { identifyLanguage: true }),
    denoise: model('quiet', { denoise: true }),
  };
  const answers = { ...heard, detectSpeech: broken, identifyLanguage: broken, denoise: broken };
  const { called, hear } = world(3, models, answers);
  assert.equal((await hear()).length, 1, 'three seconds of voice are one piece');
  assert.deepEqual(languagesOf(called), [undefined]);
  await assert.rejects(hear({ denoise: true }), { code: 'model_unavailable' });
});

test('what comes back at another rate is heard at the right one, and no longer than it was', async () => {
  const models = { denoise: model('quiet', { denoise: true }) };
  const answers = { ...heard, denoise: { pcm: new Float32Array(48_000).fill(0.5), sampleRate: 48_000 } };
  const { called, hear } = world(1, models, answers);
  await hear({ denoise: true });
  const { pcm } = called.at(-1)!.request as { pcm: Float32Array };
  assert.equal(pcm.length, 16_000);
  assert.ok(Math.abs(pcm[8000]! - 0.5) < 0.01);
});

test('a place for a whole recording is given back, however the work ends', async () => {
  const models = { diarization: model('who', { diarize: true, embedSpeaker: { sameSpeaker: 0.5 } }) };
  const spans = [
    { startMs: 0, endMs: 900, speaker: 7 },
    { startMs: 1100, endMs: 2000, speaker: 3 },
  ];
  const answers: Record<string, object> = { ...heard, diarize: { spans } };
  const { hear } = world(2, models, answers);
  const wish = { diarize: { param: 'diarize' } };
  assert.deepEqual(
    (await hear(wish)).map(({ speaker }) => speaker),
    ['A', 'B'],
  );
  answers.transcribe = new Error('broken');
  await assert.rejects(hear(wish), /broken/);
  answers.transcribe = heard.transcribe;
  assert.equal((await hear(wish)).length, 2);
});
