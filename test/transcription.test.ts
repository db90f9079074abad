/** `POST /v1/audio/transcriptions` and `/translations`: long recordings, streams, formats and what is refused. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertError, assertUnharmed, type ExpectedError } from './support/answers.ts';
import { bytesOf, eventsIn, eventsOf, type Fields, jsonOf, modelAt, say, transcribe } from './support/client.ts';
import { serveDuring, startServer, type TestServer } from './support/server.ts';
import { until } from './support/until.ts';
import { samplesOf, wavFile } from './support/wav.ts';

const RATE = 24_000;
const MAX_PROMPT = 50;
const env = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear' };

let server: TestServer;
/** "hello there." */
let short: Buffer;
const silence = wavFile(new Float32Array(3 * RATE));
before(async () => {
  server = await startServer({ tones: true, env: { ...env, STT_MAX_PROMPT_LENGTH: String(MAX_PROMPT) } });
  short = wavFile(await speak('hello there.'));
});
after(async () => {
  await assertUnharmed(server);
  await server.stop();
});

async function speak(input: string): Promise<Float32Array> {
  return samplesOf(await bytesOf(await say(server, { input, response_format: 'pcm' })));
}

const post = (audio: Uint8Array | undefined, fields?: Fields, to = server, route?: string) =>
  transcribe(to, audio, fields, route === undefined ? {} : { route });

interface Verbose {
  text: string;
  language: string;
  duration: number;
  segments: { id: number; start: number; end: number; text: string }[];
  words: { word: string; start: number; end: number }[];
}

interface TranscriptEvent {
  type: string;
  delta?: string;
  text?: string;
  start?: number;
  end?: number;
  error?: object;
}

/** Sentences with pauses between them, and where each begins and ends in seconds. */
interface Recording {
  wav: Buffer;
  seconds: number;
  sentences: { text: string; start: number; end: number }[];
}

async function record(count: number, pauseSeconds: number): Promise<Recording> {
  const parts: Float32Array[] = [];
  const sentences: Recording['sentences'] = [];
  let at = 0;
  const add = (samples: Float32Array) => {
    parts.push(samples);
    at += samples.length / RATE;
  };
  for (let i = 0; i < count; i++) {
    const text = `this is sentence number ${i}.`;
    const sound = await speak(text);
    sentences.push({ text, start: at, end: at + sound.length / RATE });
    add(sound);
    add(new Float32Array(pauseSeconds * RATE));
  }
  const samples = new Float32Array(Math.round(at * RATE));
  let offset = 0;
  for (const part of parts) {
    samples.set(part, offset);
    offset += part.length;
  }
  return { wav: wavFile(samples), seconds: at, sentences };
}

describe('a long recording', () => {
  let recording: Recording;
  before(async () => {
    // Pauses after which the voice detector certainly hears the next sentence as one of its own.
    recording = await record(38, 4);
    assert.ok(recording.seconds > 4 * 60, `${recording.seconds} s`);
  });
  const whole = () => recording.sentences.map(({ text }) => text).join(' ');

  test('is heard word for word, each sentence a segment, in order and at its time', async () => {
    const body = await jsonOf<Verbose>(await post(recording.wav, { response_format: 'verbose_json' }));
    assert.equal(body.text, whole());
    assert.ok(Math.abs(body.duration - recording.seconds) < 0.1, `${body.duration} s of ${recording.seconds}`);
    assert.deepEqual(
      body.segments.map(({ id, text }) => [id, text]),
      recording.sentences.map(({ text }, id) => [id, text]),
    );
    for (const [i, { start, end }] of body.segments.entries()) {
      const spoken = recording.sentences[i]!;
      assert.ok(Math.abs(start - spoken.start) < 0.3, `sentence ${i} begins at ${spoken.start} s, not ${start}`);
      assert.ok(Math.abs(end - spoken.end) < 0.3, `sentence ${i} ends at ${spoken.end} s, not ${end}`);
    }
  });

  test('has words whose times rise and lie in their sentences', async () => {
    const fields = { response_format: 'verbose_json', 'timestamp_granularities[]': ['word', 'segment'] };
    const { words, segments } = await jsonOf<Verbose>(await post(recording.wav, fields));
    assert.equal(words.map(({ word }) => word).join(' '), whole());
    for (const [i, { start, end }] of words.entries()) {
      assert.ok(start <= end && (i === 0 || start >= words[i - 1]!.start), `word ${i}`);
      assert.ok(
        segments.some((segment) => segment.start <= start + 0.001 && end <= segment.end + 0.001),
        `word ${i}`,
      );
    }
  });

  test('has captions without gaps in their numbers and without overlaps', async () => {
    const srt = await (await post(recording.wav, { response_format: 'srt' })).text();
    const cues = srt
      .trimEnd()
      .split('\n\n')
      .map((cue) => cue.split('\n'));
    assert.deepEqual(
      cues.map(([number]) => number),
      recording.sentences.map((_, i) => String(i + 1)),
    );
    const times = cues.map(([, line]) => /^([\d:,]{12}) --> ([\d:,]{12})$/.exec(line!)!.slice(1) as [string, string]);
    for (const [i, [start, end]] of times.entries()) assert.ok(start < end && (i === 0 || times[i - 1]![1] <= start));
  });

  test('with short pauses is cut at them, and nothing is lost or said twice', async () => {
    const dense = await record(20, 0.5);
    const { text } = await jsonOf<Verbose>(await post(dense.wav));
    // The tones have no sound for the space between two sentences.
    assert.equal(
      text.replaceAll(' ', ''),
      dense.sentences.map((sentence) => sentence.text.replaceAll(' ', '')).join(''),
    );
  });

  test('comes sentence by sentence while the rest is still to be heard', async (t) => {
    const one = { OS_ENGINE_PROCESSES: '1', OS_ENGINE_THREADS: '4' };
    const slow = await serveDuring(t, { tones: true, gigaflopPerSecond: 0.3, env: { ...env, ...one } });
    const answer = await post(recording.wav, { stream: 'true' }, slow);
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get('content-type')!, /^text\/event-stream/);
    const decoder = new TextDecoder();
    let text = '';
    let reads = 0;
    for await (const bytes of answer.body!) {
      if (reads++ === 0) {
        const { running, waiting } = modelAt(slow, 'tone-ear');
        assert.ok(running + waiting.batch > 0, 'it is still listening when the first words come');
      }
      text += decoder.decode(bytes, { stream: true });
    }
    assert.ok(reads > 3, `${reads} reads`);
    const events = eventsIn<TranscriptEvent>(text);
    const deltas = events.filter(({ type }) => type === 'transcript.text.delta').map(({ delta }) => delta);
    assert.equal(deltas.length, recording.sentences.length);
    assert.equal(deltas.join(''), whole());
    assert.deepEqual([events.at(-1)!.type, events.at(-1)!.text], ['transcript.text.done', whole()]);
    await assertUnharmed(slow);
  });

  test('of which several come at once is heard whole or refused at the door, never cut off', async (t) => {
    const small = { OS_ENGINE_PROCESSES: '1', OS_ENGINE_THREADS: '4', OS_MAX_QUEUE: '3', OS_MAX_QUEUE_PER_KEY: '3' };
    const narrow = await serveDuring(t, { tones: true, gigaflopPerSecond: 0.05, env: { ...env, ...small } });
    const answers = await Promise.all(Array.from({ length: 6 }, () => post(recording.wav, {}, narrow)));
    for (const answer of answers) {
      if (answer.status === 429) await assertError(answer, { status: 429, code: 'queue_full', param: null });
      else assert.equal((await jsonOf<Verbose>(answer)).text, whole());
    }
    assert.ok(answers.some(({ status }) => status === 200));
    await assertUnharmed(narrow);
  });
});

describe('the forms of an answer', () => {
  test('json is the text and what was heard, text the text alone', async () => {
    assert.deepEqual(await jsonOf(await post(short)), {
      text: 'hello there.',
      usage: { type: 'duration', seconds: 2 },
    });
    const text = await post(short, { response_format: 'text' });
    assert.match(text.headers.get('content-type')!, /^text\/plain/);
    assert.equal(await text.text(), 'hello there.\n');
  });

  test('verbose_json has every field that clients insist on', async () => {
    const body = await jsonOf<Verbose & Record<string, unknown>>(
      await post(short, { response_format: 'verbose_json' }),
    );
    assert.deepEqual(Object.keys(body), ['task', 'language', 'duration', 'text', 'segments', 'usage']);
    assert.equal(body.task, 'transcribe');
    assert.equal(body.language, 'english');
    assert.deepEqual(Object.keys(body.segments[0]!), [
      ...['id', 'seek', 'start', 'end', 'text', 'tokens', 'temperature', 'avg_logprob', 'compression_ratio'],
      'no_speech_prob',
    ]);
    assert.ok(body.segments.every(({ start, end }) => 0 <= start && start < end && end <= body.duration));
  });

  test('words and segments come as asked', async () => {
    const keys = async (...granularities: string[]) =>
      Object.keys(
        await jsonOf<object>(
          await post(short, { response_format: 'verbose_json', 'timestamp_granularities[]': granularities }),
        ),
      ).filter((key) => key === 'words' || key === 'segments');
    assert.deepEqual(await keys('word'), ['words']);
    assert.deepEqual(await keys('segment'), ['segments']);
    assert.deepEqual(await keys('word', 'segment'), ['segments', 'words']);
  });

  test('silence is an empty text in every form', async () => {
    assert.deepEqual(await jsonOf(await post(silence)), { text: '', usage: { type: 'duration', seconds: 3 } });
    const verbose = await jsonOf<Verbose>(
      await post(silence, { response_format: 'verbose_json', 'timestamp_granularities[]': ['word', 'segment'] }),
    );
    assert.deepEqual([verbose.text, verbose.segments, verbose.words, verbose.duration], ['', [], [], 3]);
    for (const [format, body] of [
      ['text', '\n'],
      ['srt', ''],
      ['vtt', 'WEBVTT\n\n'],
    ] as const) {
      const answer = await post(silence, { response_format: format });
      assert.equal(answer.status, 200, format);
      assert.equal(await answer.text(), body, format);
    }
    const events = await eventsOf(await post(silence, { stream: 'true' }));
    assert.deepEqual(events, [{ type: 'transcript.text.done', text: '' }]);
  });

  test('languages are read in every spelling and told by their English name', async () => {
    const spellings: Fields[] = [{ language: 'en' }, { language: 'EN' }, { language: 'en-US' }, { language: 'en_GB' }];
    for (const fields of [...spellings, { 'languages[]': ['en', 'de'] }]) {
      const body = await jsonOf<Verbose>(await post(short, { ...fields, response_format: 'verbose_json' }));
      assert.equal(body.language, 'english', JSON.stringify(fields));
    }
  });

  test('options that change nothing here are taken: hints, log probabilities, strategies', async () => {
    const fields = {
      ...{ prompt: 'names', temperature: '0', 'include[]': ['logprobs'], 'keywords[]': ['Bob', 'Alice'] },
      ...{ chunking_strategy: 'auto', stream: 'false', model: 'whisper-1', user: 'x' },
    };
    assert.equal((await jsonOf<Verbose>(await post(short, fields))).text, 'hello there.');
  });
});

describe('what is refused', () => {
  const invalid = (param: string): ExpectedError => ({ status: 400, code: 'invalid_request', param });
  const unable = (param: string, says = /./): ExpectedError => ({
    status: 400,
    code: 'unsupported_by_model',
    param,
    says,
  });

  const cases: [string, Fields, ExpectedError][] = [
    ['an unknown model', { model: 'none' }, { status: 404, code: 'model_not_found', param: 'model', says: /tone-ear/ }],
    ['a model that only speaks', { model: 'tone-voice' }, { status: 404, code: 'model_not_found', param: 'model' }],
    ['an empty model', { model: '' }, invalid('model')],
    ['an unknown format', { response_format: 'docx' }, invalid('response_format')],
    ['speakers, in a format', { response_format: 'diarized_json' }, unable('response_format', /speakers/)],
    ['speakers, by name', { 'known_speaker_names[]': ['Ann'] }, unable('known_speaker_names')],
    ['a language that the model does not know', { language: 'de' }, unable('language', /It knows: en/)],
    ['a language that is none', { language: 'english please' }, invalid('language')],
    ['word times outside verbose_json', { 'timestamp_granularities[]': 'word' }, invalid('timestamp_granularities')],
    [
      'word times in captions',
      { 'timestamp_granularities[]': 'word', response_format: 'srt' },
      invalid('timestamp_granularities'),
    ],
    [
      'unknown times',
      { 'timestamp_granularities[]': 'phone', response_format: 'verbose_json' },
      invalid('timestamp_granularities.0'),
    ],
    ['unknown extras', { 'include[]': 'everything' }, invalid('include.0')],
    ['a prompt that is too long', { prompt: 'x'.repeat(MAX_PROMPT + 1) }, invalid('prompt')],
    [
      'keywords that make the prompt too long',
      { prompt: 'x'.repeat(MAX_PROMPT - 5), 'keywords[]': ['abcdef'] },
      invalid('keywords'),
    ],
    [
      'too many keywords',
      { 'keywords[]': Array(65).fill('a') },
      { status: 400, code: 'invalid_multipart', param: null },
    ],
    ['a temperature that is too high', { temperature: '2' }, invalid('temperature')],
  ];
  for (const [what, fields, expected] of cases) {
    test(`${what}: ${expected.code}`, async () => {
      await assertError(await post(short, fields), expected);
      await assertError(await post(short, { ...fields, stream: 'true' }), expected);
    });
  }

  test('a prompt of just the permitted length is taken', async () => {
    assert.equal((await post(short, { prompt: 'x'.repeat(MAX_PROMPT) })).status, 200);
  });

  test('a stream over a broken recording is an ordinary error, and no stream', async () => {
    await assertError(await post(Buffer.from('<html>'), { stream: 'true' }), {
      status: 400,
      code: 'unsupported_audio',
      param: 'file',
    });
  });

  test('translation by a model that cannot: a refusal, not a transcript', async () => {
    await assertError(await post(short, {}, server, 'translations'), unable('model', /translate/));
    await assertError(
      await post(short, { response_format: 'diarized_json' }, server, 'translations'),
      invalid('response_format'),
    );
    await assertError(await post(undefined, {}, server, 'translations'), invalid('file'));
  });
});

describe('a server without a recogniser', () => {
  test('serves everything else and says what gets one', async (t) => {
    const deaf = await serveDuring(t, { env: { OS_POCKETSPHINX_MODEL_DIR: '/nowhere' } });
    for (const fields of [{}, { model: 'whisper-1' }, { model: 'pocketsphinx-en-us' }] as Fields[]) {
      const answer = await post(short, fields, deaf);
      await assertError(answer, { status: 503, code: 'model_unavailable', param: 'model', says: /npm run setup/ });
      assert.equal(answer.headers.get('x-should-retry'), 'false');
    }
    assert.match(deaf.server.notices.join(), /recogniser.*npm run setup/);
    const { notices } = await jsonOf<{ notices: string[] }>(await deaf.fetch('/v1/capabilities'));
    assert.match(notices.join(), /npm run setup/);
    const { data } = await jsonOf<{ data: { id: string }[] }>(await deaf.fetch('/v1/models'));
    assert.ok(data.some(({ id }) => id === 'espeak') && !data.some(({ id }) => id === 'whisper-1'));
    const headers = { 'content-type': 'application/json' };
    const spoken = await deaf.fetch('/v1/audio/speech', { method: 'POST', headers, body: '{"input":"hello"}' });
    assert.equal(spoken.status, 200);
    await spoken.body?.cancel();
    await until(async () => (await deaf.fetch('/ready')).status === 200);
  });
});
