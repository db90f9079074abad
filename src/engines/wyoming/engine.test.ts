import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { SpeechError } from '../../errors.ts';
import type { OpenModel } from '../contract.ts';
import { engine } from './engine.ts';
import { encodeEvent, FrameReader } from './framing.ts';

const MODEL: OpenModel = {
  ...{ id: 'far', engine: 'wyoming', family: 'tts', folder: '', assets: {}, languages: ['de', 'en'], voices: [] },
  options: { host: 'localhost', port: 10_200 },
};

test('a voice has the voices of its manifest, or one that leaves the choice to the server', () => {
  assert.deepEqual(
    engine.describe(MODEL).speak?.voices.map(({ id, language }) => [id, language]),
    [['default', 'de']],
  );
  const voices = [{ id: 'a', name: 'A', language: 'en' }];
  assert.deepEqual(
    engine.describe({ ...MODEL, voices, sampleRate: 16_000 }).speak?.voices.map(({ id, speaker }) => [id, speaker]),
    [['a', 'a']],
  );
});

test('a recogniser listens only where its manifest says so', () => {
  const ear = { ...MODEL, family: 'asr' };
  const { speak, transcribe, listen } = engine.describe(ear);
  assert.deepEqual([speak, transcribe?.languages, listen], [undefined, ['de', 'en'], undefined]);
  assert.notEqual(engine.describe({ ...ear, options: { ...ear.options, listen: true } }).listen, undefined);
});

test('a model has the abilities of its kind and no others, and asks nothing of its server before it is used', async () => {
  const voice = await engine.open(MODEL, { threads: 1 });
  assert.deepEqual(
    [typeof voice.speak, typeof voice.transcribe, typeof voice.listen],
    ['function', 'undefined', 'undefined'],
  );
  const ear = await engine.open({ ...MODEL, family: 'asr' }, { threads: 1 });
  assert.deepEqual(
    [typeof ear.speak, typeof ear.transcribe, typeof ear.listen],
    ['undefined', 'function', 'undefined'],
  );
});

test('a manifest that does not say where the server is cannot be opened', async () => {
  for (const options of [
    {},
    { host: '' },
    { host: 7, port: 1 },
    { host: 'a' },
    { host: 'a', port: 0 },
    { host: 'a', port: '1' },
    { host: 'a', port: 65_536 },
    { host: 'a', port: 1, tls: 'yes' },
  ]) {
    await assert.rejects(
      engine.open({ ...MODEL, options: options as OpenModel['options'] }, { threads: 1 }),
      (error) => error instanceof SpeechError && error.code === 'model_unavailable',
      JSON.stringify(options),
    );
  }
});

test('a server is asked in its own words: its language, its name of the recogniser, its name of the voice', async (t) => {
  const asked: unknown[] = [];
  const server = createServer((socket) => {
    const reader = new FrameReader({ headerBytes: 1000, dataBytes: 1000, payloadBytes: 100_000 });
    socket.on('data', (bytes) => {
      for (const { type, data } of reader.read(bytes)) {
        if (type === 'transcribe' || type === 'synthesize') asked.push(data);
        if (type === 'audio-stop') socket.write(encodeEvent('transcript', { text: ' heard ', language: 'de' }));
        if (type === 'synthesize') socket.write(encodeEvent('audio-stop'));
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const { signal } = new AbortController();
  const voices = [{ id: 'amy', name: 'Amy', language: 'en', speaker: 'en_GB-amy-medium' }];
  const far = { ...MODEL, voices, options: { host: '127.0.0.1', port, model: 'base' } };
  const ear = await engine.open({ ...far, family: 'asr' }, { threads: 1 });
  const pcm = new Float32Array(16_000).fill(0.1);
  const segments = await Array.fromAsync(ear.transcribe!({ pcm, language: 'de-AT' }, signal));
  assert.deepEqual(segments, [{ text: 'heard', startMs: 0, endMs: 1000, language: 'de' }]);
  const voice = await engine.open(far, { threads: 1 });
  assert.deepEqual(await Array.fromAsync(voice.speak!({ text: 'a', voice: 'amy', speed: 1 }, signal)), []);
  assert.deepEqual(asked, [
    { name: 'base', language: 'de' },
    { text: 'a', voice: { name: 'en_GB-amy-medium' } },
  ]);
});
