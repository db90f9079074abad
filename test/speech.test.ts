/** `POST /v1/audio/speech`: the bytes that come, in every format, and the cache that keeps them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { AUDIO_FORMATS } from '../src/audio/contract.ts';
import { assertError, assertUnharmed } from './support/answers.ts';
import { bytesOf, eventsOf, heard as heardBy, say as sayTo } from './support/client.ts';
import { makeKey, withToken } from './support/keys.ts';
import { serveDuring, serveSlowly, startServer, type TestServer } from './support/server.ts';

const env = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear' };
let server: TestServer;
let folder: string;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'open-speech-speech-'));
  const dictionary = join(folder, 'words.yaml');
  writeFileSync(dictionary, 'SQL: sequel\n');
  server = await startServer({ tones: true, env: { ...env, TTS_PRONUNCIATION_DICT: dictionary } });
});
after(async () => {
  await assertUnharmed(server);
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const say = (body: object, to = server, init?: RequestInit) => sayTo(to, body, init);
const heard = (audio: Uint8Array) => heardBy(server, audio);

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

const audioOf = (events: SpeechEvent[]) =>
  Buffer.concat(events.flatMap(({ audio }) => (audio === undefined ? [] : [Buffer.from(audio, 'base64')])));

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
      const events = await eventsOf<SpeechEvent>(await say({ ...body, stream_format: 'sse' }));
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
    const events = await eventsOf<SpeechEvent>(
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
      for (const told of [start!, end!]) assert.equal(told, Math.round(told * 1000) / 1000, 'milliseconds are enough');
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

describe('the cache', () => {
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
    const other = withToken((await makeKey(kept, ['speech'])).token);
    assert.equal((await ask(base, other)).hit, false, 'another key');
    assert.equal((await ask(base, other)).hit, true, 'the other key again');
    const events = await say({ ...base, stream_format: 'sse' }, kept);
    assert.equal(events.headers.get('x-cache'), 'HIT');
    assert.ok(audioOf(await eventsOf<SpeechEvent>(events)).equals(first.bytes));
    await assertUnharmed(kept);
  });

  test('never holds what was not finished, and is off unless asked for', async (t) => {
    const slow = await serveSlowly(t, 10, { TTS_CACHE_ENABLED: 'true' });
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
