/** What the speech route refuses, and how it reads SSML. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { assertError, assertUnharmed, type ExpectedError } from './support/answers.ts';
import { bytesOf, heard, postSpeech, say } from './support/client.ts';
import { startServer, type TestServer } from './support/server.ts';

const MAX_CHARS = 300;

let server: TestServer;
let folder: string;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'open-speech-speech-'));
  const dictionary = join(folder, 'words.json');
  writeFileSync(dictionary, JSON.stringify({ SQL: 'sequel', bomb: 'b'.repeat(200) }));
  const models = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear', TTS_PRONUNCIATION_DICT: dictionary };
  const limits = { TTS_MAX_INPUT_LENGTH: String(MAX_CHARS), TTS_MAX_AUDIO_S: '60' };
  server = await startServer({ tones: true, env: { ...models, ...limits } });
});
after(async () => {
  await assertUnharmed(server);
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const post = (body: string | Uint8Array, init?: RequestInit) => postSpeech(server, body, init);

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
    ['more values than anything needs', { input: Array(100_001).fill(1) }, invalid(null, /100000 lists/)],
    ['half of a surrogate pair', { input: 'a \ud800 b' }, invalid('input')],
    [
      'an input that is too long',
      { input: 'x'.repeat(MAX_CHARS + 1) },
      { status: 400, code: 'text_too_long', param: 'input', says: /at most \d+ .*TTS_MAX_INPUT_LENGTH/ },
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
      await assertError(await post(JSON.stringify(body), { headers: { accept: 'audio/mpeg' } }), expected);
    });
  }

  const deep = '['.repeat(90_000);
  const texts: [string, string | Uint8Array, ExpectedError][] = [
    ['an empty body', '', json()],
    ['no JSON', 'input=hello', json()],
    ['JSON that is cut off', '{"input":"a"', json()],
    ['JSON with something behind it', '{"input":"a"} x', json()],
    ['bytes that are not UTF-8', Buffer.from('{"input":"gr\xfc\xdf"}', 'latin1'), json(/UTF-8/)],
    ['UTF-8 that is cut off', Buffer.from('{"input":"☃"}').subarray(0, 12), json(/UTF-8/)],
    ['UTF-16', Buffer.from('{"input":"a"}', 'utf16le'), json()],
    ['a key that would change JavaScript itself', '{"input":"a","__proto__":{"x":1}}', json()],
    ['a nest of 200 000 lists', '['.repeat(200_000), invalid(null, /100000 lists/)],
    ['a nest of 90 000 lists', deep, json()],
    ['a nest of 90 000 lists that ends', deep + ']'.repeat(90_000), invalid(null)],
    ['a nest in the place of the text', `{"input":${deep}${']'.repeat(90_000)}}`, invalid('input')],
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
      const answer = await post('{"input":"a"}', { headers: { 'content-type': type } });
      const says = /takes the content type application\/json|must be a JSON object/;
      await assertError(answer, { status: 400, code: 'invalid_request', param: null, says });
    }
  });

  test('the edges are not refused: text, speed, a nest in a field that nobody knows, null where it means nothing', async () => {
    for (const body of [
      { input: 'x'.repeat(MAX_CHARS), response_format: 'pcm', speed: 4 },
      { input: `${'𝒙'.repeat(MAX_CHARS - 1)}a`, response_format: 'pcm' },
      { input: 'a', speed: 0.25 },
      { input: 'a', instructions: null },
      // Clients with types write a field that nobody set as null.
      {
        ...{ input: 'a', model: null, voice: null, response_format: null, speed: null, stream_format: null },
        ...{ input_type: null, language: null, timestamp_granularities: null },
      },
      { input: 'a', instructions: ' ' },
      { input: 'a', voice: '' },
      { input: 'a', voice: { id: 'tone-1', name: 'x' } },
      { input: 'a', unknown: { deep: [[[[{}]]]] } },
    ]) {
      await bytesOf(await say(server, body));
    }
  });
});

describe('SSML', () => {
  const ssml = (input: string, more: object = {}) =>
    say(server, { input, input_type: 'ssml', response_format: 'wav', ...more });
  const refused = (says: RegExp, code: 'invalid_ssml' | 'unsupported_by_model' | 'text_too_long' = 'invalid_ssml') =>
    ({ status: 400, code, param: 'input', says }) satisfies ExpectedError;

  test('is spoken: substitutes, sentences, pauses and dictionary', async () => {
    const input =
      '<speak version="1.1"><p><s>use <sub alias="a database">DB</sub>.</s><s>or SQL.</s></p><break time="1s"/>bye.</speak>';
    // Between sentences there is a pause, and no tone for a space.
    assert.equal(await heard(server, await bytesOf(await ssml(input))), 'use a database.or sequel.bye.');
    assert.match(await heard(server, await bytesOf(await ssml('<speak>it&apos;s &#x31;</speak>'))), /^it's 1/);
  });

  test('is spoken by a voice of its language, unless the request names a voice or a language itself', async () => {
    const german = (more: object) => ssml('<speak xml:lang="de-AT">guten Tag</speak>', { model: 'espeak', ...more });
    const voiceOf = async (answer: Promise<Response>): Promise<string> => {
      const received = await answer;
      await bytesOf(received);
      return received.headers.get('x-voice-id')!;
    };
    assert.equal(await voiceOf(german({})), 'de');
    assert.match(await voiceOf(german({ voice: 'onyx' })), /^de\+m/);
    assert.equal(await voiceOf(german({ voice: 'en-us' })), 'en-us');
    assert.equal(await voiceOf(german({ language: 'fr-FR' })), 'fr-fr');
    assert.match(await voiceOf(ssml('<speak xml:lang="en-ZA">hello</speak>', { model: 'espeak' })), /^en/);
    const unknown = ssml('<speak xml:lang="xx">hello</speak>', { model: 'espeak' });
    await assertError(await unknown, refused(/does not speak 'xx'/, 'unsupported_by_model'));
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

  test('a nest of just the permitted depth is spoken', async () => {
    await bytesOf(await ssml(`<speak>${'<p>'.repeat(31)}a${'</p>'.repeat(31)}</speak>`));
  });

  test('is not looked for in plain text', async () => {
    assert.match(
      await heard(server, await bytesOf(await say(server, { input: '<break time="9s"/> hi', response_format: 'wav' }))),
      /break time/,
    );
  });
});
