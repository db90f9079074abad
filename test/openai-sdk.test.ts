/** The official OpenAI SDK, three major versions of it, unchanged but for its base URL. */
import assert from 'node:assert/strict';
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import OpenAI7, { toFile as toFile7 } from 'openai';
import OpenAI4, { toFile as toFile4 } from 'openai4';
import OpenAI6, { toFile as toFile6 } from 'openai6';
import { startServer, type TestServer } from './support/server.ts';

const SENTENCE = 'hello world, this is open speech.';

let server: TestServer;
let folder: string;
before(async () => {
  server = await startServer({ tones: true, env: { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear' } });
  folder = mkdtempSync(join(tmpdir(), 'open-speech-sdk-'));
});
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

for (const [version, OpenAI, toFile] of [
  [4, OpenAI4 as unknown as typeof OpenAI7, toFile4 as unknown as typeof toFile7],
  [6, OpenAI6 as unknown as typeof OpenAI7, toFile6 as unknown as typeof toFile7],
  [7, OpenAI7, toFile7],
] as const) {
  describe(`openai ${version}`, () => {
    const client = () => new OpenAI({ baseURL: `${server.url}/v1`, apiKey: server.key, maxRetries: 0 });
    const speak = async (format: 'wav' | 'mp3' | 'opus' | 'flac' | 'aac' | 'pcm') => {
      const voice = 'alloy';
      const response = await client().audio.speech.create({
        model: 'tts-1',
        voice,
        input: SENTENCE,
        response_format: format,
      });
      return Buffer.from(await response.arrayBuffer());
    };

    test('speaks and hears the same sentence, in every format', async () => {
      for (const format of ['wav', 'mp3', 'opus', 'flac', 'aac'] as const) {
        const audio = await speak(format);
        const file = await toFile(audio, `speech.${format}`);
        const { text } = await client().audio.transcriptions.create({ model: 'whisper-1', file });
        assert.equal(text, SENTENCE, format);
      }
    });

    test('pcm is 24 kHz, 16 bit, mono, without a header', async () => {
      const [pcm, wav] = [await speak('pcm'), await speak('wav')];
      assert.notEqual(pcm.subarray(0, 4).toString('latin1'), 'RIFF');
      assert.equal(wav.readUInt32LE(24), 24_000);
      assert.ok(Math.abs(pcm.length - (wav.length - 44)) < 480, `${pcm.length} and ${wav.length}`);
    });

    test('a file sent as a stream, without a length and with the options behind it, is read', async () => {
      const path = join(folder, `stream-${version}.wav`);
      writeFileSync(path, await speak('wav'));
      const answer = await client().audio.transcriptions.create({
        file: createReadStream(path),
        model: 'whisper-1',
        response_format: 'verbose_json',
        timestamp_granularities: ['word', 'segment'],
        language: 'en',
      });
      assert.equal(answer.text, SENTENCE);
      assert.equal(answer.language, 'english');
      assert.deepEqual(
        answer.words?.map(({ word }) => word),
        SENTENCE.split(' '),
      );
      assert.ok(answer.words!.every(({ start, end }) => start <= end && end <= Number(answer.duration) + 0.001));
      assert.ok(answer.segments!.length > 0);
    });

    test('text, srt and vtt come back as strings', async () => {
      const file = async () => toFile(await speak('wav'), 'a.wav');
      const transcribe = async (response_format: 'text' | 'srt' | 'vtt') =>
        (await client().audio.transcriptions.create({
          file: await file(),
          model: 'whisper-1',
          response_format,
        })) as unknown as string;
      assert.equal(await transcribe('text'), `${SENTENCE}\n`);
      assert.match(await transcribe('srt'), /^1\n00:00:00,\d{3} --> 00:00:0\d,\d{3}\nhello world/);
      assert.match(await transcribe('vtt'), /^WEBVTT\n\n00:00:00\.\d{3} --> /);
    });

    test('a streamed transcription ends with the text of its deltas', async () => {
      const file = await toFile(await speak('wav'), 'a.wav');
      const stream = await client().audio.transcriptions.create({ model: 'gpt-4o-transcribe', file, stream: true });
      let deltas = '';
      let done = '';
      for await (const event of stream as AsyncIterable<{ type: string; delta?: string; text?: string }>) {
        if (event.type === 'transcript.text.delta') deltas += event.delta;
        if (event.type === 'transcript.text.done') done = event.text ?? '';
      }
      assert.equal(done, SENTENCE);
      assert.equal(deltas, done);
    });

    test('an unknown model is a NotFoundError that lists the models', async () => {
      const wrong = client().audio.speech.create({ model: 'nope', voice: 'alloy', input: 'x' });
      await assert.rejects(wrong, (error: InstanceType<typeof OpenAI.NotFoundError>) => {
        assert.ok(error instanceof OpenAI.NotFoundError);
        assert.deepEqual([error.code, error.param], ['model_not_found', 'model']);
        assert.match(error.message, /tone-voice/);
        return true;
      });
    });

    test('a wrong key is an AuthenticationError, bad input a BadRequestError with its field and request id', async () => {
      const stranger = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'wrong', maxRetries: 0 });
      await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
      const fast = client().audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'x', speed: 9 });
      await assert.rejects(fast, (error: InstanceType<typeof OpenAI.BadRequestError>) => {
        assert.ok(error instanceof OpenAI.BadRequestError);
        assert.equal(error.param, 'speed');
        const requestId = version === 4 ? (error as unknown as { request_id: string }).request_id : error.requestID;
        assert.match(requestId ?? '', /^req_/);
        return true;
      });
    });

    test('models are listed and retrieved, and their ids may be encoded', async () => {
      const ids = [];
      for await (const model of client().models.list()) ids.push(model.id);
      assert.ok(ids.includes('tone-voice') && ids.includes('whisper-1') && ids.includes('espeak'), ids.join());
      assert.equal((await client().models.retrieve('tone-ear')).object, 'model');
      await assert.rejects(client().models.retrieve('org/none'), OpenAI.NotFoundError);
    });
  });
}
