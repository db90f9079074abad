/** What Home Assistant and other clients of the Wyoming protocol do, over real sockets with real engines. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serveDuring } from './support/server.ts';
import { soundOf, WyomingClient } from './support/wyoming.ts';

const MODELS = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear', OS_WYOMING_ENABLED: 'true', OS_WYOMING_PORT: '0' };

test('what is spoken is heard again', async (t) => {
  const { server } = await serveDuring(t, { tones: true, env: MODELS });
  const client = await WyomingClient.open(t, server.wyomingUrl!);
  client.send('synthesize', { text: 'hello there.' });
  const speech = await client.until('audio-stop');
  const { formats, types, bytes } = soundOf(speech);
  assert.deepEqual(types, ['audio-start', 'audio-chunk', 'audio-stop']);
  assert.deepEqual(formats, ['24000/2/1']);
  client.send('transcribe', { language: 'en' }).speak(bytes, 24_000).send('audio-stop');
  assert.deepEqual(
    (await client.until('transcript-stop')).map(({ type, data }) => [type, data]),
    [
      ['transcript-start', { language: 'en' }],
      ['transcript-chunk', { text: 'hello there.' }],
      ['transcript', { text: 'hello there.', language: 'en' }],
      ['transcript-stop', {}],
    ],
  );
});

interface Info {
  asr: { name: string; installed: boolean; requires_external_vad: boolean; models: Entry[] }[];
  tts: { name: string; installed: boolean; supports_synthesize_streaming: boolean; voices: Entry[] }[];
}
interface Entry {
  name: string;
  description: string;
  attribution: { name: string; url: string };
  installed: boolean;
  languages: string[];
}

test('describe tells every model and voice that works here, with all that Python and Home Assistant ask of one', async (t) => {
  const { server } = await serveDuring(t, { tones: true, env: MODELS });
  const client = await WyomingClient.open(t, server.wyomingUrl!);
  const info = (await client.send('describe').answer('info')) as unknown as Info;
  const [asr] = info.asr;
  const [tts] = info.tts;
  assert.deepEqual([asr!.name, asr!.installed, asr!.requires_external_vad], ['open-speech', true, true]);
  assert.deepEqual([tts!.name, tts!.installed, tts!.supports_synthesize_streaming], ['open-speech', true, true]);
  for (const entry of [...asr!.models, ...tts!.voices]) {
    assert.equal(typeof entry.attribution.name, 'string');
    assert.equal(typeof entry.attribution.url, 'string');
    assert.ok(entry.installed && entry.languages.length > 0 && entry.description !== '', entry.name);
  }
  assert.ok(asr!.models.some(({ name }) => name === 'tone-ear'));
  const voice = tts!.voices.find(({ name }) => name === 'tone-voice:tone-1')!;
  assert.deepEqual([voice.description, voice.languages], ['Tone 1 (tone-voice)', ['en']]);
  for (const text of [undefined, 'are you there?']) {
    const answer = await client.send('ping', text === undefined ? {} : { text }).answer('pong');
    assert.deepEqual(answer, text === undefined ? {} : { text });
  }
});
