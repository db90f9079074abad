/** Steps that a transcription may ask for: against noise, who says what, punctuation, pauses by a model. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import OpenAI, { toFile } from 'openai';
import type {
  TranscriptionCreateParamsNonStreaming,
  TranscriptionDiarized,
} from 'openai/resources/audio/transcriptions';
import { DEFAULT_MODEL_DIR, findLibrary } from '../src/engines/pocketsphinx/places.ts';
import { buildMarkDiarizer, spokenBy } from './models/voice-marks.ts';
import { buildWordPunctuator } from './models/word-punctuator.ts';
import { assertError, assertUnharmed } from './support/answers.ts';
import { bytesOf, eventsOf, type Fields, jsonOf, modelAt, say, transcribe } from './support/client.ts';
import { addBuilt, addFile } from './support/helper-models.ts';
import { needs, needsData, sharedData } from './support/needs.ts';
import { serveDuring, startServer, type TestServer } from './support/server.ts';
import { samplesOf, wavFile } from './support/wav.ts';

const RATE = 24_000;
const env = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear' };
const gtcrn = { id: 'gtcrn', kind: 'denoise', family: 'gtcrn' } as const;
const silero = { id: 'silero', kind: 'vad', family: 'silero-vad' } as const;
const GTCRN_FILE = join(sharedData, 'gtcrn/gtcrn_simple.onnx');
const SILERO_FILE = join(sharedData, 'silero-vad/silero_vad.onnx');

const WAV_HEADER = 44;
const deaf = needs({ libpocketsphinx: findLibrary() ?? '/usr/lib/libpocketsphinx.so.3', model: DEFAULT_MODEL_DIR });

/** Numbers from -1 to 1, the same ones each time. */
function whiteNoise(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

let server: TestServer;
before(async () => {
  server = await startServer({ tones: true, env });
});
after(async () => {
  await assertUnharmed(server);
  await server.stop();
});

async function speak(input: string): Promise<Float32Array> {
  return samplesOf(await bytesOf(await say(server, { input, response_format: 'pcm' })));
}

interface Said {
  by?: 0 | 1 | 2;
  text?: string;
  /** Seconds of silence behind it. */
  pause: number;
}

/** A recording of people taking turns. */
async function conversation(...said: Said[]): Promise<Buffer> {
  const parts: number[] = [];
  for (const { by, text, pause } of said) {
    if (text !== undefined) {
      const sound = await speak(text);
      parts.push(...(by === undefined ? sound : spokenBy(by, sound, RATE)));
    }
    parts.push(...new Float32Array(pause * RATE));
  }
  return wavFile(parts);
}

const sdk = (to: TestServer) => new OpenAI({ baseURL: `${to.url}/v1`, apiKey: to.key, maxRetries: 0 });

describe('without the models', () => {
  const cases: [what: string, fields: Fields, param: string, id: string][] = [
    ['noise', { denoise: 'true' }, 'denoise', 'gtcrn'],
    ['speakers', { diarize: 'true' }, 'diarize', 'pyannote-titanet'],
    ['speakers, by format', { response_format: 'diarized_json' }, 'response_format', 'pyannote-titanet'],
    ['speakers, by number', { num_speakers: '2' }, 'num_speakers', 'pyannote-titanet'],
    ['speakers, by name', { 'known_speaker_names[]': 'Ann' }, 'known_speaker_names', 'pyannote-titanet'],
    ['punctuation', { punctuate: 'true' }, 'punctuate', 'ct-transformer-zh-en'],
  ];
  for (const [what, fields, param, id] of cases) {
    test(`${what}: a refusal with the command that gets one, before anything is read`, async () => {
      const says = new RegExp(`open-speech models pull ${id}`);
      const expected = { status: 400, code: 'unsupported_by_model', param, says } as const;
      for (const stream of ['false', 'true']) {
        await assertError(await transcribe(server, Buffer.from('no recording'), { ...fields, stream }), expected);
      }
    });
  }

  test('the capabilities say so, and with which command', async () => {
    const { steps, formats } = await jsonOf<{
      steps: Record<string, { available: boolean; remedy?: string }>;
      formats: { transcription: string[] };
    }>(await server.fetch('/v1/capabilities'));
    assert.deepEqual(Object.keys(steps).sort(), [
      ...['denoise', 'diarize', 'end_of_turn', 'identify_language', 'punctuate', 'voice_activity'],
    ]);
    for (const { available, remedy } of Object.values(steps)) {
      assert.equal(available, false);
      assert.match(remedy!, /^open-speech models pull /);
    }
    assert.ok(!formats.transcription.includes('diarized_json'));
  });

  test('a setting that asks for one refuses with its name', async (t) => {
    for (const [name, value, id] of [
      ['STT_NOISE_REDUCE', 'true', 'gtcrn'],
      ['STT_VAD', 'silero', 'silero-vad'],
    ] as const) {
      const strict = await serveDuring(t, { tones: true, env: { ...env, [name]: value } });
      const says = new RegExp(`${name}.*open-speech models pull ${id}`);
      const answer = await transcribe(strict, wavFile(new Float32Array(RATE)));
      await assertError(answer, { status: 503, code: 'model_unavailable', param: null, says });
    }
  });

  test('not asking is not refused', async () => {
    const fields = { denoise: 'false', diarize: 'false', punctuate: 'false' };
    const recording = await conversation({ text: 'plain.', pause: 0.5 });
    assert.equal((await jsonOf<{ text: string }>(await transcribe(server, recording, fields))).text, 'plain.');
  });
});

describe('speakers', () => {
  let diarizing: TestServer;
  let recording: Buffer;
  const texts = ['who are you?', 'i am bob.', 'hello bob.', 'hello ann.'];
  before(async () => {
    diarizing = await startServer({ tones: true, env });
    await addBuilt(diarizing, 'mark-diarizer', buildMarkDiarizer);
    recording = await conversation(
      { by: 1, text: texts[0]!, pause: 1 },
      { by: 0, text: texts[1]!, pause: 3 },
      { by: 1, text: texts[2]!, pause: 1 },
      { by: 0, text: texts[3]!, pause: 4 },
    );
  });
  after(async () => {
    await assertUnharmed(diarizing);
    await diarizing.stop();
  });
  const diarized = async (fields: Fields = {}) =>
    jsonOf<TranscriptionDiarized>(
      await transcribe(diarizing, recording, { response_format: 'diarized_json', ...fields }),
    );
  const who = ({ segments }: TranscriptionDiarized) => segments.map(({ speaker, text }) => [speaker, text]);
  const lettered = texts.map((text, at) => [at % 2 === 0 ? 'A' : 'B', text]);
  /** By the SDK, whose types know this format only where it streams. */
  const create = async (options: Partial<TranscriptionCreateParamsNonStreaming>) =>
    (await sdk(diarizing).audio.transcriptions.create({
      model: 'gpt-4o-transcribe-diarize',
      file: await toFile(recording, 'talk.wav'),
      response_format: 'diarized_json',
      ...options,
    })) as unknown as TranscriptionDiarized;
  const reference = (person: 0 | 1 | 2, seconds: number) =>
    `data:audio/wav;base64,${wavFile(spokenBy(person, new Float32Array(seconds * RATE), RATE)).toString('base64')}`;

  test('are told apart for the SDK, in OpenAI’s shape', async () => {
    const answer = await create({ chunking_strategy: 'auto' });
    assert.deepEqual(Object.keys(answer), ['task', 'duration', 'text', 'segments', 'usage']);
    assert.equal(answer.task, 'transcribe');
    assert.equal(answer.text, texts.join(' '));
    assert.deepEqual(who(answer), lettered);
    let end = 0;
    for (const [at, segment] of answer.segments.entries()) {
      assert.deepEqual(Object.keys(segment), ['type', 'id', 'start', 'end', 'text', 'speaker']);
      assert.equal(segment.type, 'transcript.text.segment');
      assert.equal(segment.id, `seg_00${at + 1}`);
      assert.ok(segment.start >= end && segment.end > segment.start);
      end = segment.end;
    }
    assert.ok(end <= answer.duration);
    assert.deepEqual(answer.usage, { type: 'duration', seconds: Math.ceil(answer.duration) });
  });

  test('stream to the SDK segment by segment', async () => {
    const stream = await sdk(diarizing).audio.transcriptions.create({
      model: 'gpt-4o-transcribe-diarize',
      file: await toFile(recording, 'talk.wav'),
      response_format: 'diarized_json',
      stream: true,
    });
    const segments: [string, string, string][] = [];
    let deltas = '';
    let done = '';
    for await (const event of stream) {
      if (event.type === 'transcript.text.segment') segments.push([event.id, event.speaker, event.text]);
      if (event.type === 'transcript.text.delta') deltas += event.delta;
      if (event.type === 'transcript.text.done') done = event.text;
    }
    assert.deepEqual(
      segments,
      lettered.map(([speaker, text], at) => [`seg_00${at + 1}`, speaker, text]),
    );
    assert.deepEqual([deltas, done], [texts.join(' '), texts.join(' ')]);
  });

  test('have the names of voices that the caller knows, and letters else', async () => {
    const answer = await create({
      known_speaker_names: ['Cleo', 'Bob'],
      known_speaker_references: [reference(2, 2), reference(0, 3)],
    });
    assert.deepEqual(
      who(answer),
      texts.map((text, at) => [at % 2 === 0 ? 'A' : 'Bob', text]),
    );
  });

  test('are asked for by a field, in the address, and by their number', async () => {
    assert.deepEqual(who(await jsonOf(await transcribe(diarizing, recording, { diarize: 'true' }))), lettered);
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(recording)]), 'talk.wav');
    const answer = await diarizing.fetch('/v1/audio/transcriptions?diarize=true', { method: 'POST', body: form });
    assert.deepEqual(who(await jsonOf(answer)), lettered);
    const alone = await diarized({ num_speakers: '1' });
    assert.deepEqual(new Set(alone.segments.map(({ speaker }) => speaker)), new Set(['A']));
    assert.equal(alone.text.replaceAll(' ', ''), texts.join('').replaceAll(' ', ''));
  });

  test('stand in every other format too', async () => {
    const as = async (response_format: string) =>
      (await bytesOf(await transcribe(diarizing, recording, { diarize: 'true', response_format }))).toString();
    assert.equal(await as('text'), lettered.map(([speaker, text]) => `${speaker}: ${text}\n`).join(''));
    assert.match(await as('srt'), /^1\n.* --> .*\nA: who are you\?\n\n2\n/);
    assert.match(await as('vtt'), /\n<v A>who are you\?\n/);
    const { segments } = JSON.parse(await as('verbose_json')) as TranscriptionDiarized;
    assert.deepEqual(who({ segments } as TranscriptionDiarized), lettered);
  });

  test('of a recording without a voice are none', async () => {
    const silence = wavFile(new Float32Array(3 * RATE));
    const fields = { response_format: 'diarized_json' };
    assert.deepEqual(await jsonOf(await transcribe(diarizing, silence, fields)), {
      ...{ task: 'transcribe', duration: 3, text: '', segments: [] },
      usage: { type: 'duration', seconds: 3 },
    });
    assert.deepEqual(await eventsOf(await transcribe(diarizing, silence, { ...fields, stream: 'true' })), [
      { type: 'transcript.text.done', text: '' },
    ]);
  });

  const names = { 'known_speaker_names[]': 'Bob' };
  const cases: [what: string, fields: Fields, param: string, code?: 'invalid_audio' | 'audio_too_long'][] = [
    [
      'a reference that is too short',
      { ...names, 'known_speaker_references[]': reference(0, 1) },
      '0',
      'invalid_audio',
    ],
    ['one that is too long', { ...names, 'known_speaker_references[]': reference(0, 11) }, '0', 'audio_too_long'],
    ['one that is no address of data', { ...names, 'known_speaker_references[]': 'https://example.org/a.wav' }, '0'],
    ['one that is no base64', { ...names, 'known_speaker_references[]': 'data:audio/wav;base64,a b!' }, '0'],
    ['a name without a reference', names, ''],
  ];
  for (const [what, fields, index, code = 'invalid_request'] of cases) {
    test(`refuse ${what}`, async () => {
      const param = ['known_speaker_references', index].filter(Boolean).join('.');
      await assertError(await transcribe(diarizing, recording, fields), { status: 400, code, param });
    });
  }

  test('refuse a name for two, a fifth reference, and half a person', async () => {
    const twice = { 'known_speaker_names[]': ['Bob', 'Bob'] };
    const voices = { 'known_speaker_references[]': [reference(0, 2), reference(1, 2)] };
    await assertError(await transcribe(diarizing, recording, { ...twice, ...voices }), {
      ...{ status: 400, code: 'invalid_request', param: 'known_speaker_names' },
    });
    const five = { 'known_speaker_references[]': Array(5).fill(reference(0, 2)) };
    await assertError(await transcribe(diarizing, recording, five), {
      ...{ status: 400, code: 'invalid_multipart', param: null },
    });
    await assertError(await transcribe(diarizing, recording, { num_speakers: '1.5' }), {
      ...{ status: 400, code: 'invalid_request', param: 'num_speakers' },
    });
  });

  test('are not told apart where the operator says so, nor in what is longer than permitted', async (t) => {
    const off = await serveDuring(t, { tones: true, env: { ...env, STT_DIARIZE_ENABLED: 'false' } });
    await addBuilt(off, 'mark-diarizer', buildMarkDiarizer);
    const says = /STT_DIARIZE_ENABLED/;
    await assertError(await transcribe(off, recording, { diarize: 'true' }), {
      ...{ status: 400, code: 'unsupported_by_model', param: 'diarize', says },
    });
    const short = await serveDuring(t, { tones: true, env: { ...env, STT_MAX_DIARIZE_S: '5' } });
    await addBuilt(short, 'mark-diarizer', buildMarkDiarizer);
    await assertError(await transcribe(short, recording, { diarize: 'true' }), {
      ...{ status: 400, code: 'audio_too_long', param: 'file' },
    });
    assert.equal((await transcribe(short, recording)).status, 200);
  });

  test('may be known by references as large as permitted, which no other field may be', async (t) => {
    const limits = { OS_MAX_SPEAKER_REFERENCE_KB: '512', OS_MAX_FORM_FIELD_KB: '64' };
    const bounded = await serveDuring(t, { tones: true, env: { ...env, ...limits } });
    await addBuilt(bounded, 'mark-diarizer', buildMarkDiarizer);
    const voice = reference(0, 8);
    assert.ok(voice.length > 500_000 && voice.length <= 512 * 1024, `${voice.length}`);
    const known = (url: string): Fields => ({ ...names, 'known_speaker_references[]': url });
    const answer = await transcribe(bounded, recording, known(voice));
    assert.ok(who(await jsonOf(answer)).some(([speaker]) => speaker === 'Bob'));
    for (const [param, fields] of [
      ['known_speaker_references[]', known(reference(0, 9))],
      ['prompt', { prompt: voice }],
    ] as const) {
      await assertError(await transcribe(bounded, recording, fields), { status: 413, code: 'too_large', param });
    }
    await assertUnharmed(bounded);
  });

  test('are told apart in as many recordings at once as permitted, more are told when to come back', async (t) => {
    const one = { STT_MAX_DIARIZATIONS: '1' };
    const narrow = await serveDuring(t, { tones: true, gigaflopPerSecond: 0.3, env: { ...env, ...one } });
    await addBuilt(narrow, 'mark-diarizer', buildMarkDiarizer);
    const answers = await Promise.all([1, 2].map(() => transcribe(narrow, recording, { diarize: 'true' })));
    const [served, refused] = answers.sort((a, b) => a.status - b.status);
    assert.deepEqual(who(await jsonOf(served!)), lettered);
    await assertError(refused!, { status: 503, code: 'overloaded', param: null });
    assert.equal(refused!.headers.get('retry-after'), '5');
    assert.deepEqual(who(await jsonOf(await transcribe(narrow, recording, { diarize: 'true' }))), lettered);
    await assertUnharmed(narrow);
  });

  test('are among the capabilities', async () => {
    const { steps, formats } = await jsonOf<{ steps: Record<string, object>; formats: { transcription: string[] } }>(
      await diarizing.fetch('/v1/capabilities'),
    );
    assert.deepEqual(steps.diarize, { available: true, model: 'mark-diarizer' });
    assert.ok(formats.transcription.includes('diarized_json'));
  });
});

describe('punctuation', () => {
  test('is added where it is asked for, and left alone where the recogniser has it', async (t) => {
    const punctuating = await serveDuring(t, { tones: true, env });
    await addBuilt(punctuating, 'word-punctuator', buildWordPunctuator);
    const hear = async (text: string, fields: Fields) => {
      const answer = await transcribe(punctuating, await conversation({ text, pause: 1 }), fields);
      return (await jsonOf<{ text: string }>(answer)).text;
    };
    assert.equal(await hear('hello world why', { punctuate: 'true' }), 'hello, world. why?');
    assert.equal(await hear('hello world why', {}), 'hello world why');
    assert.equal(await hear('hello world, i am here.', { punctuate: 'true' }), 'hello world, i am here.');
  });
});

describe('noise', { skip: needsData('gtcrn') }, () => {
  let clean: TestServer;
  before(async () => {
    clean = await startServer({ tones: true, env });
    await addFile(clean, GTCRN_FILE, gtcrn);
  });
  after(async () => {
    await assertUnharmed(clean);
    await clean.stop();
  });

  test('is taken out before the recogniser hears, where it is asked for', async () => {
    const noisy = readFileSync(join(sharedData, 'gtcrn/mix.wav'));
    const uses = () => modelAt(clean, 'gtcrn').processes;
    assert.equal((await transcribe(clean, noisy)).status, 200);
    assert.equal(uses(), 0);
    const file = await toFile(noisy, 'noisy.wav');
    // The SDK sends fields that it does not know as they are.
    const body = { model: 'whisper-1', file, denoise: true };
    assert.equal(typeof (await sdk(clean).audio.transcriptions.create(body)).text, 'string');
    assert.ok(uses() > 0);
  });

  test('hides fewer words once it is taken out', { skip: needsData('librivox') || deaf }, async (t) => {
    const reader = await serveDuring(t, { env: { STT_MODEL: 'pocketsphinx-en-us' } });
    await addFile(reader, GTCRN_FILE, gtcrn);
    const words = { true: 0, false: 0 };
    const lines = readFileSync(join(sharedData, 'librivox/transcripts.tsv'), 'utf8').split('\n').slice(0, 2);
    for (const [name, text] of lines.map((line) => line.split('\t'))) {
      const spoken = samplesOf(readFileSync(join(sharedData, `librivox/${name}.wav`)).subarray(WAV_HEADER));
      const noise = whiteNoise();
      const noisy = wavFile(
        spoken.map((sample) => sample + 0.04 * noise()),
        { sampleRate: 16_000 },
      );
      for (const denoise of ['true', 'false'] as const) {
        const { text: heard } = await jsonOf<{ text: string }>(await transcribe(reader, noisy, { denoise }));
        const found = new Set(heard.toLowerCase().split(/\W+/));
        words[denoise] += text!.split(' ').filter((word) => found.has(word)).length;
      }
    }
    assert.ok(words.true > words.false + 2, JSON.stringify(words));
  });

  test('what is left is heard at its time', async () => {
    const recording = await conversation({ text: 'hello there.', pause: 3 }, { text: 'and again.', pause: 1 });
    const heard = async (denoise: string) => {
      const fields = { denoise, response_format: 'verbose_json' };
      return jsonOf<{ duration: number }>(await transcribe(clean, recording, fields));
    };
    assert.equal((await heard('true')).duration, (await heard('false')).duration);
  });
});

describe('pauses found by Silero', { skip: needsData('silero-vad') }, () => {
  test('are those that a recording is cut at, unless the operator wants the packaged detector', async (t) => {
    const speech = readFileSync(join(sharedData, 'silero-vad/test.wav'));
    for (const [vad, used] of [
      ['auto', true],
      ['silero', true],
      ['webrtc', false],
    ] as const) {
      const cutting = await serveDuring(t, { tones: true, env: { ...env, STT_VAD: vad } });
      await addFile(cutting, SILERO_FILE, silero);
      const answer = await jsonOf<{ duration: number }>(
        await transcribe(cutting, speech, { response_format: 'verbose_json' }),
      );
      assert.equal(answer.duration, 60, vad);
      assert.equal(modelAt(cutting, 'silero').processes > 0, used, vad);
      await assertUnharmed(cutting);
    }
  });

  test('are done without where the model is broken, unless the operator asked for it', async (t) => {
    const recording = await conversation({ text: 'still heard.', pause: 1 });
    for (const [vad, status] of [
      ['auto', 200],
      ['silero', 503],
    ] as const) {
      const broken = await serveDuring(t, { tones: true, env: { ...env, STT_VAD: vad } });
      await addFile(broken, import.meta.filename, silero);
      const answer = await transcribe(broken, recording);
      assert.equal(answer.status, status, vad);
      if (status === 200) assert.equal((await jsonOf<{ text: string }>(answer)).text, 'still heard.');
      else await assertError(answer, { status, code: 'model_unavailable', param: null });
    }
  });
});
