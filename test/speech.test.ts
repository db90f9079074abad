/** `POST /v1/audio/speech`: what it refuses, what it promises about its bytes, and when they leave. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { openKeyStore } from '../src/accounts/keys.ts';
import { AUDIO_FORMATS } from '../src/audio/contract.ts';
import { openDatabase } from '../src/storage/database.ts';
import { assertError, assertUnharmed, type ExpectedError } from './support/answers.ts';
import { RawConnection, requestHead } from './support/raw.ts';
import { serveDuring, startServer, TEST_KEY, type TestServer } from './support/server.ts';
import { until } from './support/until.ts';

const MAX_CHARS = 300;

const env = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear' };
let server: TestServer;
let folder: string;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'open-speech-speech-'));
  const dictionary = join(folder, 'words.json');
  writeFileSync(dictionary, JSON.stringify({ SQL: 'sequel', bomb: 'b'.repeat(200) }));
  server = await startServer({
    tones: true,
    env: { ...env, TTS_MAX_INPUT_LENGTH: String(MAX_CHARS), TTS_PRONUNCIATION_DICT: dictionary, TTS_MAX_AUDIO_S: '60' },
  });
});
after(async () => {
  await assertUnharmed(server);
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** One tone voice with room for one call, loaded, and as slow as a large neural one. */
async function startSlow(
  t: TestContext,
  gigaflopPerSecond: number,
  more: Record<string, string> = {},
): Promise<TestServer> {
  const one = { OS_ENGINE_PROCESSES: '1', OS_ENGINE_THREADS: '4', OS_MODEL_TTL: '0', TTS_PRELOAD_MODELS: 'tone-voice' };
  const slow = await serveDuring(t, { tones: true, gigaflopPerSecond, env: { ...env, ...one, ...more } });
  await until(() => modelAt(slow).state === 'loaded');
  return slow;
}

function post(body: string | Uint8Array, to = server, init: RequestInit = {}): Promise<Response> {
  const headers = { 'content-type': 'application/json', ...init.headers };
  return to.fetch('/v1/audio/speech', { method: 'POST', body, ...init, headers });
}

const say = (body: object, to = server, init?: RequestInit) => post(JSON.stringify(body), to, init);

async function bytesOf(answer: Response): Promise<Buffer> {
  const bytes = Buffer.from(await answer.arrayBuffer());
  assert.equal(answer.status, 200, bytes.toString());
  return bytes;
}

/** What a listener understands. */
async function heard(audio: Uint8Array, at = server): Promise<string> {
  const form = new FormData();
  form.append('file', new Blob([new Uint8Array(audio)]), 'speech');
  const answer = await at.fetch('/v1/audio/transcriptions', { method: 'POST', body: form });
  const body = await answer.text();
  assert.equal(answer.status, 200, body);
  return (JSON.parse(body) as { text: string }).text;
}

interface SpeechEvent {
  type: string;
  audio?: string;
  from?: number;
  to?: number;
  start?: number;
  end?: number;
  name?: string;
  at?: number;
  usage?: object;
  error?: { code: string };
}

async function eventsOf(answer: Response): Promise<SpeechEvent[]> {
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  assert.match(answer.headers.get('content-type')!, /^text\/event-stream/);
  assert.ok(text.endsWith('\n\n'));
  return text
    .trimEnd()
    .split('\n\n')
    .map((event) => JSON.parse(/^data: (.*)$/.exec(event)![1]!) as SpeechEvent);
}

const audioOf = (events: SpeechEvent[]) =>
  Buffer.concat(events.flatMap(({ audio }) => (audio === undefined ? [] : [Buffer.from(audio, 'base64')])));

const modelAt = (at: TestServer, id = 'tone-voice') =>
  at.server.service.router.status().models.find((model) => model.id === id)!;

describe('what is refused', () => {
  const invalid = (param: string | null, says?: RegExp): ExpectedError => ({
    status: 400,
    code: 'invalid_request',
    param,
    ...(says === undefined ? {} : { says }),
  });
  const json = (says?: RegExp): ExpectedError => ({
    status: 400,
    code: 'invalid_json',
    param: null,
    ...(says === undefined ? {} : { says }),
  });

  const bodies: [string, unknown, ExpectedError][] = [
    ['no input', {}, invalid('input')],
    ['an empty input', { input: '' }, invalid('input')],
    ['a blank input', { input: ' \n\t\u3000 ' }, invalid('input')],
    ['an input without a word', { input: '... !? --' }, invalid('input')],
    ['an input that is a number', { input: 5 }, invalid('input')],
    ['an input that is null', { input: null }, invalid('input')],
    ['an input that is a list', { input: ['a'] }, invalid('input')],
    ['half of a surrogate pair', { input: 'a \ud800 b' }, invalid('input')],
    [
      'an input that is too long',
      { input: 'x'.repeat(MAX_CHARS + 1) },
      { status: 400, code: 'text_too_long', param: 'input' },
    ],
    [
      'an input that the dictionary makes too long',
      { input: 'bomb bomb' },
      { status: 400, code: 'text_too_long', param: 'input' },
    ],
    [
      'an unknown model',
      { input: 'a', model: 'none' },
      { status: 404, code: 'model_not_found', param: 'model', says: /There are: espeak, tone-voice, tts-1/ },
    ],
    [
      'a model that only hears',
      { input: 'a', model: 'tone-ear' },
      { status: 404, code: 'model_not_found', param: 'model' },
    ],
    [
      'a model that is a path',
      { input: 'a', model: '../../etc' },
      { status: 404, code: 'model_not_found', param: 'model' },
    ],
    ['a model that is a number', { input: 'a', model: 1 }, invalid('model')],
    [
      'an unknown voice',
      { input: 'a', voice: 'nobody' },
      { status: 400, code: 'voice_not_found', param: 'voice', says: /tone-0, tone-1/ },
    ],
    [
      'an unknown voice as an object',
      { input: 'a', voice: { id: 'nobody' } },
      { status: 400, code: 'voice_not_found', param: 'voice' },
    ],
    ['a voice that is a number', { input: 'a', voice: 1 }, invalid('voice')],
    ['a voice object without its id', { input: 'a', voice: {} }, invalid('voice')],
    ['a voice object with a wrong id', { input: 'a', voice: { id: 1 } }, invalid('voice')],
    ['a voice that is too long', { input: 'a', voice: 'v'.repeat(201) }, invalid('voice')],
    [
      'an unknown format',
      { input: 'a', response_format: 'wma' },
      invalid('response_format', /mp3, opus, aac, flac, wav, pcm, m4a/),
    ],
    ['a format that is a number', { input: 'a', response_format: 3 }, invalid('response_format')],
    ['an unknown stream format', { input: 'a', stream_format: 'websocket' }, invalid('stream_format', /audio, sse/)],
    ['a speed that is text', { input: 'a', speed: '1' }, invalid('speed')],
    ['a speed that is too low', { input: 'a', speed: 0.249 }, invalid('speed', /0\.25/)],
    ['a speed that is too high', { input: 'a', speed: 4.001 }, invalid('speed', /4/)],
    [
      'instructions for a voice that follows none',
      { input: 'a', instructions: 'whisper' },
      { status: 400, code: 'unsupported_by_model', param: 'instructions' },
    ],
    ['instructions that are too long', { input: 'a', instructions: 'x'.repeat(4097) }, invalid('instructions')],
    [
      'a language that the voice does not speak',
      { input: 'a', language: 'fi' },
      { status: 400, code: 'unsupported_by_model', param: 'language' },
    ],
    ['a language that is none', { input: 'a', language: 'klingon!' }, invalid('language')],
    [
      'unknown times',
      { input: 'a', model: 'espeak', stream_format: 'sse', timestamp_granularities: ['phone'] },
      invalid('timestamp_granularities.0'),
    ],
    [
      'times without events to tell them in',
      { input: 'a', model: 'espeak', timestamp_granularities: ['word'] },
      invalid('timestamp_granularities', /sse/),
    ],
    [
      'times of a voice that knows none',
      { input: 'a', stream_format: 'sse', timestamp_granularities: ['word'] },
      { status: 400, code: 'unsupported_by_model', param: 'timestamp_granularities' },
    ],
    ['an unknown way of writing', { input: 'a', input_type: 'markdown' }, invalid('input_type')],
    ['a list for a body', ['a'], invalid(null)],
    ['a text for a body', 'a', invalid(null)],
    ['null for a body', null, invalid(null)],
    ['a number for a body', 5, invalid(null)],
  ];
  for (const [what, body, expected] of bodies) {
    test(`${what}: ${expected.code}`, async () => {
      await assertError(await post(JSON.stringify(body)), expected);
      await assertError(await post(JSON.stringify(body), server, { headers: { accept: 'audio/mpeg' } }), expected);
    });
  }

  const deep = '['.repeat(200_000);
  const texts: [string, string | Uint8Array, ExpectedError][] = [
    ['an empty body', '', json()],
    ['no JSON', 'input=hello', json()],
    ['JSON that is cut off', '{"input":"a"', json()],
    ['JSON with something behind it', '{"input":"a"} x', json()],
    ['bytes that are not UTF-8', Buffer.from('{"input":"gr\xfc\xdf"}', 'latin1'), json(/UTF-8/)],
    ['UTF-8 that is cut off', Buffer.from('{"input":"☃"}').subarray(0, 12), json(/UTF-8/)],
    ['UTF-16', Buffer.from('{"input":"a"}', 'utf16le'), json()],
    ['a key that would change JavaScript itself', '{"input":"a","__proto__":{"x":1}}', json()],
    ['a nest of 200 000 lists', deep, json()],
    ['a nest of 200 000 lists that ends', deep + ']'.repeat(200_000), invalid(null)],
    ['a nest in the place of the text', `{"input":${deep}${']'.repeat(200_000)}}`, invalid('input')],
    ['a number that is too large to be one', '{"input":"a","speed":1e999}', invalid('speed')],
  ];
  for (const [what, body, expected] of texts) {
    test(`${what}: ${expected.code}`, async () => {
      await assertError(await post(body), expected);
    });
  }

  test('other content types', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/xml',
      'x',
    ]) {
      const answer = await post('{"input":"a"}', server, { headers: { 'content-type': type } });
      await assertError(answer, { status: 400, code: 'invalid_request', param: null });
    }
  });

  test('the edges are not refused: text, speed, a nest in a field that nobody knows, null where it means nothing', async () => {
    for (const body of [
      { input: 'x'.repeat(MAX_CHARS), response_format: 'pcm', speed: 4 },
      { input: `${'𝒙'.repeat(MAX_CHARS - 1)}a`, response_format: 'pcm' },
      { input: 'a', speed: 0.25 },
      { input: 'a', instructions: null },
      { input: 'a', instructions: ' ' },
      { input: 'a', voice: '' },
      { input: 'a', voice: { id: 'tone-1', name: 'x' } },
      { input: 'a', unknown: { deep: [[[[{}]]]] } },
    ]) {
      await bytesOf(await say(body));
    }
  });
});

describe('SSML', () => {
  const ssml = (input: string, more: object = {}) =>
    say({ input, input_type: 'ssml', response_format: 'wav', ...more });
  const refused = (says: RegExp, code: 'invalid_ssml' | 'unsupported_by_model' | 'text_too_long' = 'invalid_ssml') =>
    ({ status: 400, code, param: 'input', says }) satisfies ExpectedError;

  test('is spoken: substitutes, sentences, pauses and dictionary', async () => {
    const input =
      '<speak version="1.1"><p><s>use <sub alias="a database">DB</sub>.</s><s>or SQL.</s></p><break time="1s"/>bye.</speak>';
    // Between sentences there is a pause, and no tone for a space.
    assert.equal(await heard(await bytesOf(await ssml(input))), 'use a database.or sequel.bye.');
    assert.match(await heard(await bytesOf(await ssml('<speak>it&apos;s &#x31;</speak>'))), /^it's 1/);
  });

  test('a pause is as long as it says', async () => {
    const length = async (breaks: string) =>
      (await bytesOf(await ssml(`<speak>a${breaks}b</speak>`, { response_format: 'pcm' }))).length / 48;
    const [short, long] = [await length('<break time="1s"/>'), await length('<break time="3500ms"/>')];
    assert.ok(Math.abs(long - short - 2500) < 50, `${short} ms and ${long} ms`);
  });

  for (const [what, input, expected] of [
    ['no XML', 'hello', refused(/./)],
    ['another root', '<html>a</html>', refused(/<html>/)],
    ['an unknown element', '<speak><audio src="http://evil.example/x.mp3"/>a</speak>', refused(/<audio>/)],
    ['an unknown attribute', '<speak><p style="x">a</p></speak>', refused(/style/)],
    ['an element that is not closed', '<speak>a', refused(/./)],
    ['elements that cross', '<speak><p><s>a</p></s></speak>', refused(/./)],
    ['a document type', '<!DOCTYPE speak [<!ENTITY x "y">]><speak>&x;</speak>', refused(/./)],
    ['an external entity', '<!DOCTYPE speak SYSTEM "file:///etc/passwd"><speak>a</speak>', refused(/./)],
    ['an unknown entity', '<speak>&nbsp;a</speak>', refused(/./)],
    ['a processing instruction', '<speak><?php x ?>a</speak>', refused(/./)],
    ['nothing to say', '<speak><break time="1s"/></speak>', { status: 400, code: 'invalid_request', param: 'input' }],
    ['a pause that would fill memory', '<speak>a<break time="99999999ms"/></speak>', refused(/10000 ms/)],
    ['a pause without end', `<speak>a<break time="${'9'.repeat(15)}s"/></speak>`, refused(/10000 ms/)],
    ['more pauses than audio may be long', `<speak>a${'<break time="10s"/>'.repeat(7)}</speak>`, refused(/pauses/)],
    ['a nest that is too deep', `<speak>${'<p>'.repeat(32)}a`, refused(/32 levels/)],
    [
      'a substitute that is too long',
      `<speak><sub alias="${'x'.repeat(200)}">a</sub> ${'y'.repeat(50)}${'<sub alias="abcdefghijklmnop">a</sub>'.repeat(0)}<sub alias="${'z'.repeat(20)}">b</sub></speak>`,
      refused(/./, 'text_too_long'),
    ],
    [
      'a pitch that the voice cannot reach',
      '<speak><prosody pitch="+6st">a</prosody></speak>',
      refused(/prosody/, 'unsupported_by_model'),
    ],
    [
      'phonemes for a voice that reads letters',
      '<speak><phoneme ph="həˈləʊ">a</phoneme></speak>',
      refused(/phoneme/, 'unsupported_by_model'),
    ],
  ] as const) {
    test(`${what} is refused`, async () => {
      await assertError(await ssml(input), expected);
    });
  }

  test('pauses of just the permitted length are spoken', async () => {
    await bytesOf(await ssml('<speak>a<break time="10s"/>b</speak>', { response_format: 'pcm' }));
    await assertError(await ssml('<speak>a<break time="10001ms"/>b</speak>'), refused(/10000 ms/));
    const five = await bytesOf(
      await ssml(`<speak>a${'<break time="10s"/>'.repeat(5)}</speak>`, { response_format: 'pcm' }),
    );
    assert.ok(five.length > 50 * 48_000);
  });

  test('is not looked for in plain text', async () => {
    assert.match(
      await heard(await bytesOf(await say({ input: '<break time="9s"/> hi', response_format: 'wav' }))),
      /break time/,
    );
  });
});

describe('what comes', () => {
  const TYPES: Record<string, string> = {
    mp3: 'audio/mpeg',
    opus: 'audio/opus',
    aac: 'audio/aac',
    flac: 'audio/flac',
    wav: 'audio/wav',
    pcm: 'audio/pcm',
    m4a: 'audio/mp4',
  };

  test('the headers say what it is: type, voice, model and rate', async () => {
    for (const format of AUDIO_FORMATS) {
      const answer = await say({ input: 'hello', voice: 'nova', response_format: format });
      await bytesOf(answer);
      assert.equal(answer.headers.get('content-type'), TYPES[format]);
      assert.equal(answer.headers.get('x-model'), 'tone-voice');
      assert.match(answer.headers.get('x-voice-id')!, /^tone-[01]$/);
      assert.equal(answer.headers.get('x-sample-rate'), '24000');
      assert.equal(answer.headers.get('x-cache'), null);
      assert.match(answer.headers.get('openai-processing-ms')!, /^\d+$/);
      assert.match(answer.headers.get('x-request-id')!, /^req_/);
    }
    assert.equal((await say({ input: 'hello' })).headers.get('content-type'), 'audio/mpeg', 'the default is mp3');
  });

  test('pcm is 24 kHz whatever the voice, the others keep the rate of the voice', async () => {
    const espeak = { input: 'hello', model: 'espeak', voice: 'en-us' };
    const pcm = await say({ ...espeak, response_format: 'pcm' });
    const wav = await say({ ...espeak, response_format: 'wav' });
    assert.equal(pcm.headers.get('x-sample-rate'), '24000');
    assert.equal(wav.headers.get('x-sample-rate'), '22050');
    const [samples, file] = [await bytesOf(pcm), await bytesOf(wav)];
    assert.equal(file.readUInt32LE(24), 22_050);
    assert.ok(Math.abs(samples.length / 24_000 - (file.length - 44) / 22_050) < 0.01);
  });

  test('words of the dictionary are spoken as it says, and only whole words', async () => {
    assert.equal(
      await heard(await bytesOf(await say({ input: 'my SQL, mysql', response_format: 'wav' }))),
      'my sequel, mysql',
    );
  });

  test('a voice has its own sound, a speed its own length', async () => {
    const pcm = async (more: object) => bytesOf(await say({ input: 'hello there', response_format: 'pcm', ...more }));
    const plain = await pcm({ voice: 'tone-0' });
    assert.ok(!plain.equals(await pcm({ voice: 'tone-1' })));
    const fast = await pcm({ voice: 'tone-0', speed: 2 });
    assert.ok(Math.abs(plain.length / fast.length - 2) < 0.1);
  });

  for (const format of AUDIO_FORMATS) {
    test(`${format} as events: the pieces make one file, the same as without events`, async () => {
      const body = { input: 'one sentence. another one, a little longer. the end.', response_format: format };
      const events = await eventsOf(await say({ ...body, stream_format: 'sse' }));
      assert.deepEqual([...new Set(events.map(({ type }) => type))], ['speech.audio.delta', 'speech.audio.done']);
      assert.equal(events.filter(({ type }) => type === 'speech.audio.done').length, 1);
      const last = events.at(-1)!;
      assert.deepEqual(Object.keys(last.usage!), ['input_tokens', 'output_tokens', 'total_tokens']);
      const whole = await bytesOf(await say(body));
      if (format !== 'opus' && format !== 'm4a') assert.ok(audioOf(events).equals(whole), format);
      assert.ok(Math.abs(audioOf(events).length - whole.length) < 64);
      if (format !== 'pcm') assert.equal(await heard(audioOf(events)), body.input, format);
    });
  }

  test('words and marks are told with their times, each by its place in the text', async () => {
    const input =
      '<speak>Hello <mark name="here"/>brave new world. <break time="1s"/>Good <mark name="last"/>bye.</speak>';
    const events = await eventsOf(
      await say({
        ...{ input, input_type: 'ssml', model: 'espeak', voice: 'en-us', response_format: 'pcm' },
        ...{ stream_format: 'sse', timestamp_granularities: ['word'] },
      }),
    );
    const words = events.filter(({ type }) => type === 'speech.audio.word');
    assert.deepEqual(
      words.map(({ from, to }) => input.slice(from, to).replace(/\W/g, '')),
      ['Hello', 'brave', 'new', 'world', 'Good', 'bye'],
    );
    const seconds = audioOf(events).length / 48_000;
    let time = 0;
    for (const { start, end } of words) {
      assert.ok(start! >= time - 0.001 && end! >= start! && end! <= seconds + 0.05, `${start} to ${end}`);
      time = start!;
    }
    assert.ok(words[4]!.start! - words[3]!.end! >= 0.9, 'the pause stands between its words');
    const marks = events.filter(({ type }) => type === 'speech.audio.mark');
    assert.deepEqual(
      marks.map(({ name, at }) => [name, at]),
      [
        ['here', words[1]!.start],
        ['last', words[5]!.start],
      ],
    );
  });
});

describe('when it comes', () => {
  /** Paragraphs, so that each is spoken by itself. */
  const SENTENCES = Array.from({ length: 8 }, (_, i) => `this is number ${i}.`).join('\n\n');

  test('the first bytes leave while the rest is still to be spoken, in every format and as events', async (t) => {
    const slow = await startSlow(t, 8);
    for (const more of [...AUDIO_FORMATS.map((format) => ({ response_format: format })), { stream_format: 'sse' }]) {
      const answer = await say({ input: SENTENCES, ...more }, slow);
      const reader = answer.body!.getReader();
      const first = await reader.read();
      assert.ok(first.value!.length > 0);
      assert.equal(modelAt(slow).running, 1, `${JSON.stringify(more)}: it is still speaking`);
      await reader.cancel();
      await until(() => modelAt(slow).running === 0);
    }
  });

  test('a client that leaves stops the voice, whether it has heard something or not', async (t) => {
    const slow = await startSlow(t, 10);
    for (const hear of [false, true]) {
      for (const more of [{ response_format: 'pcm' }, { response_format: 'mp3' }, { stream_format: 'sse' }]) {
        const leaving = new AbortController();
        const asked = say({ input: SENTENCES, ...more }, slow, { signal: leaving.signal });
        asked.catch(() => {});
        if (hear) await (await asked).body!.getReader().read();
        else await until(() => modelAt(slow).running > 0);
        leaving.abort();
        await assertUnharmed(slow);
      }
    }
    assert.ok(!slow.log.some((line) => line.includes('"level":"error"')), slow.log.join(''));
    assert.equal((await say({ input: 'hi.' }, slow)).status, 200);
  });

  test('a client that stops reading is cut off and its work ends', async (t) => {
    const patient = await serveDuring(t, { tones: true, env: { ...env, OS_RESPONSE_IDLE_S: '1' } });
    const body = JSON.stringify({ input: 'on and on. '.repeat(370), response_format: 'pcm' });
    const connection = await RawConnection.open(patient.url);
    const headers = [
      `Authorization: Bearer ${TEST_KEY}`,
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
    ];
    await connection.write(requestHead('POST /v1/audio/speech', ...headers) + body);
    await until(() => connection.received.length > 0);
    connection.socket.pause();
    await until(() => modelAt(patient).running > 0);
    await until(() => patient.log.some((line) => line.includes('cut short')));
    await assertUnharmed(patient);
    connection.close();
  });

  test('work that takes too long is answered with 504', async (t) => {
    const hasty = await startSlow(t, 100, { OS_REQUEST_TIMEOUT_S: '1' });
    const input = 'far too long for a voice as slow as this one to be spoken in a single second of time';
    await assertError(await say({ input }, hasty), { status: 504, code: 'deadline_exceeded', param: null });
    await assertUnharmed(hasty);
  });

  test('work that takes too long, but has been heard already, ends in the middle, and events say why', async (t) => {
    const hasty = await startSlow(t, 10, { OS_REQUEST_TIMEOUT_S: '2' });
    const input = `a.\n\n${'and then there is a lot more of it. '.repeat(100)}`;
    await assert.rejects(async () => bytesOf(await say({ input, response_format: 'pcm' }, hasty)), /terminated/);
    await assertUnharmed(hasty);
    // The process that did not stop in time was ended; the next one has to be there before the clock runs.
    await hasty.server.service.worker.load('tone-voice');
    const events = await eventsOf(await say({ input, response_format: 'pcm', stream_format: 'sse' }, hasty));
    assert.ok(events.length > 1);
    assert.deepEqual(Object.keys(events.at(-1)!.error!), ['message', 'type', 'param', 'code']);
    assert.equal(events.at(-1)!.error!.code, 'deadline_exceeded');
    await assertUnharmed(hasty);
  });

  test('speech that grows beyond its bound is ended', async (t) => {
    const short = await serveDuring(t, { tones: true, env: { ...env, TTS_MAX_AUDIO_S: '3' } });
    const fits = await bytesOf(await say({ input: 'x'.repeat(20), response_format: 'pcm' }, short));
    assert.ok(fits.length > 1.9 * 48_000);
    const events = await eventsOf(await say({ input: 'one two. '.repeat(10), stream_format: 'sse' }, short));
    assert.equal(events.at(-1)!.error?.code, 'audio_too_long');
    await assertUnharmed(short);
  });

  test('more calls than may wait are refused with the time to come back; all others are served whole', async (t) => {
    const narrow = await startSlow(t, 12, { OS_MAX_QUEUE: '2', OS_MAX_QUEUE_PER_KEY: '2' });
    const answers = await Promise.all(Array.from({ length: 8 }, () => say({ input: 'just one sentence.' }, narrow)));
    const statuses = answers.map(({ status }) => status).sort();
    assert.deepEqual(statuses, [200, 200, 200, 429, 429, 429, 429, 429]);
    for (const answer of answers) {
      if (answer.status === 429) await assertError(answer, { status: 429, code: 'queue_full', param: null });
      else assert.equal(await heard(await bytesOf(answer)), 'just one sentence.');
    }
    await assertUnharmed(narrow);
  });
});

describe('the cache', () => {
  async function otherKey(of: TestServer): Promise<string> {
    const db = await openDatabase(of.dataDir);
    const keys = openKeyStore(db, { envKey: '', limits: { apiKeys: 10 } });
    const { token } = await keys.create({ name: 'other', scopes: ['speech'] });
    await keys.close();
    await db.destroy();
    return token;
  }

  test('answers an equal request of the same key, and nothing else', async (t) => {
    const kept = await serveDuring(t, { tones: true, env: { ...env, TTS_CACHE_ENABLED: 'true' } });
    const base = { input: 'keep this.', voice: 'tone-0', response_format: 'mp3', speed: 1 };
    const ask = async (body: object, init?: RequestInit) => {
      const answer = await say(body, kept, init);
      return { bytes: await bytesOf(answer), hit: answer.headers.get('x-cache') === 'HIT', answer };
    };
    const first = await ask(base);
    assert.equal(first.hit, false);
    for (const body of [base, { ...base, input: ' keep  this. ' }, { input: 'keep this.', voice: { id: 'tone-0' } }]) {
      const again = await ask(body);
      assert.ok(again.hit, JSON.stringify(body));
      assert.ok(again.bytes.equals(first.bytes));
      assert.equal(again.answer.headers.get('content-type'), 'audio/mpeg');
      assert.equal(again.answer.headers.get('x-voice-id'), 'tone-0');
    }
    for (const change of [
      { input: 'keep that.' },
      { voice: 'tone-1' },
      { response_format: 'wav' },
      { speed: 1.01 },
      { model: 'espeak', voice: 'en-us' },
      { input: '<speak>keep this<break time="1s"/></speak>', input_type: 'ssml' },
    ]) {
      assert.equal((await ask({ ...base, ...change })).hit, false, JSON.stringify(change));
    }
    const other = { headers: { authorization: `Bearer ${await otherKey(kept)}` } };
    assert.equal((await ask(base, other)).hit, false, 'another key');
    assert.equal((await ask(base, other)).hit, true, 'the other key again');
    const events = await say({ ...base, stream_format: 'sse' }, kept);
    assert.equal(events.headers.get('x-cache'), 'HIT');
    assert.ok(audioOf(await eventsOf(events)).equals(first.bytes));
    await assertUnharmed(kept);
  });

  test('never holds what was not finished, and is off unless asked for', async (t) => {
    const slow = await startSlow(t, 10, { TTS_CACHE_ENABLED: 'true' });
    const body = { input: 'half of this. '.repeat(10), response_format: 'pcm' };
    const leaving = new AbortController();
    const answer = await say(body, slow, { signal: leaving.signal });
    await answer.body!.getReader().read();
    leaving.abort();
    await assertUnharmed(slow);
    const again = await say(body, slow);
    assert.equal(again.headers.get('x-cache'), null);
    await again.body?.cancel();
    await bytesOf(await say({ input: 'twice' }));
    assert.equal((await say({ input: 'twice' })).headers.get('x-cache'), null);
  });
});

test('a server that does not speak, or does not hear, has no such route', async (t) => {
  const deaf = await serveDuring(t, { env: { STT_ENABLED: 'false' } });
  for (const route of ['transcriptions', 'translations']) {
    const answer = await deaf.fetch(`/v1/audio/${route}`, { method: 'POST', body: new FormData() });
    await assertError(answer, { status: 404, code: 'not_found', param: null });
  }
  assert.equal((await say({ input: 'a' }, deaf)).status, 200);
  const mute = await serveDuring(t, { env: { TTS_ENABLED: 'false' } });
  await assertError(await say({ input: 'a' }, mute), { status: 404, code: 'not_found', param: null });
  assert.equal((await mute.fetch('/v1/models')).status, 200);
});
