/** What Home Assistant and other clients of the Wyoming protocol do, over real sockets with real engines. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomOf } from './support/mutate.ts';
import { serveDuring } from './support/server.ts';
import { until } from './support/until.ts';
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

test('a recording of any rate, width and number of channels is heard, whatever audio-start said', async (t) => {
  const { server } = await serveDuring(t, { tones: true, env: MODELS });
  const client = await WyomingClient.open(t, server.wyomingUrl!);
  const { bytes } = soundOf(await client.send('synthesize', { text: 'any rate.' }).until('audio-stop'));
  const samples = Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readInt16LE(i * 2));
  const bytesOf = (width: number, channels: number): Buffer => {
    const made = Buffer.alloc(samples.length * width * channels);
    for (const [i, sample] of samples.entries()) {
      // All of it on the last channel.
      const at = (i * channels + channels - 1) * width;
      if (width === 1) made[at] = (sample >> 8) + 128;
      else made.writeIntLE(sample * 2 ** (8 * (width - 2)), at, width);
      if (width === 1) for (let other = 1; other < channels; other++) made[at - other] = 128;
    }
    return made;
  };
  for (const [width, channels] of [
    [1, 1],
    [2, 2],
    [3, 1],
    [4, 3],
  ] as const) {
    const format = { rate: 24_000, width, channels };
    client.send('audio-start', { rate: 16_000, width: 2, channels: 1 });
    const audio = bytesOf(width, channels);
    // Cut inside samples.
    for (let at = 0; at < audio.length; at += 1001) client.send('audio-chunk', format, audio.subarray(at, at + 1001));
    const { text } = await client.send('audio-stop').answer('transcript');
    assert.equal(text, 'any rate.', `${width} bytes, ${channels} channels`);
  }
});

test('audio that never comes has an empty text, and one answer for each question', async (t) => {
  const { server } = await serveDuring(t, { tones: true, env: MODELS });
  const client = await WyomingClient.open(t, server.wyomingUrl!);
  const format = { rate: 16_000, width: 2, channels: 1 };
  client.send('transcribe').send('audio-start', format).send('audio-stop');
  client.send('audio-stop');
  client
    .send('transcribe')
    .send('audio-start', format)
    .send('audio-chunk', format, Buffer.alloc(32_000))
    .send('audio-stop');
  client.send('ping', { text: 'end' });
  const events = await client.until('pong');
  while (events.filter(({ type }) => type === 'transcript').length < 3) events.push((await client.next())!);
  for (const { type, data } of events) if (type === 'transcript') assert.deepEqual(data, { text: '' });
  assert.ok(events.every(({ type }) => type.startsWith('transcript') || type === 'pong'));
});

test('text is told while somebody speaks, and the transcript is all of it', async (t) => {
  const { server } = await serveDuring(t, {
    tones: true,
    env: { ...MODELS, OS_WYOMING_PARTIALS: 'true', STT_VAD_ENABLED: 'false' },
  });
  const client = await WyomingClient.open(t, server.wyomingUrl!);
  const text = 'this is told while it is still spoken.';
  const { bytes } = soundOf(await client.send('synthesize', { text }).until('audio-stop'));
  const format = { rate: 24_000, width: 2, channels: 1 };
  client.send('transcribe').send('audio-start', format);
  let sent = 0;
  const speaking = setInterval(() => {
    client.send('audio-chunk', format, bytes.subarray(sent, sent + 2400));
    sent = Math.min(bytes.length, sent + 2400);
    if (sent === bytes.length) client.send('audio-chunk', format, Buffer.alloc(2400));
  }, 10);
  t.after(() => clearInterval(speaking));
  const started = await client.next();
  assert.equal(started?.type, 'transcript-start');
  const first = await client.next();
  assert.equal(first?.type, 'transcript-chunk');
  assert.ok(text.startsWith(first.data.text as string) && first.data.text !== text);
  await until(() => sent === bytes.length);
  clearInterval(speaking);
  const rest = await client.send('audio-stop').until('transcript-stop');
  const chunks = [first, ...rest].filter(({ type }) => type === 'transcript-chunk').map(({ data }) => data.text);
  assert.equal(chunks.join(''), text);
  assert.deepEqual(
    rest.slice(-2).map(({ type, data }) => [type, data.text]),
    [
      ['transcript', text],
      ['transcript-stop', undefined],
    ],
  );
});

test('where the end of speech is found here, the text comes without waiting for audio-stop', async (t) => {
  const env = { ...MODELS, OS_WYOMING_ENDPOINTING: 'true', OS_STREAM_VAD_THRESHOLD: '0.1' };
  const { server } = await serveDuring(t, { tones: true, env });
  const client = await WyomingClient.open(t, server.wyomingUrl!);
  const info = (await client.send('describe').answer('info')) as unknown as Info;
  assert.equal(info.asr[0]!.requires_external_vad, false);
  const { bytes } = soundOf(await client.send('synthesize', { text: 'hello there.' }).until('audio-stop'));
  const silence = Buffer.alloc(48_000 * 2);
  client.send('transcribe', { vad_sensitivity: 'aggressive' });
  client.speak(Buffer.concat([silence.subarray(0, 24_000), bytes, silence]), 24_000);
  const events = await client.until('transcript-stop');
  const { types } = soundOf(events);
  assert.deepEqual(types, [
    ...['voice-started', 'voice-stopped', 'transcript-start', 'transcript-chunk', 'transcript', 'transcript-stop'],
  ]);
  assert.ok((events[0]!.data.timestamp as number) < (events[1]!.data.timestamp as number));
  // What a client still sends, because it has not read the answer yet, is nobody's speech.
  client.speak(silence, 24_000).send('audio-stop').send('ping');
  assert.equal((await client.next())?.type, 'pong');
});

test('speech begins while text still comes, in one format, and always ends with synthesize-stopped', async (t) => {
  const { server } = await serveDuring(t, { tones: true, env: MODELS });
  const client = await WyomingClient.open(t, server.wyomingUrl!);
  client.send('synthesize-start', { voice: { name: 'tone-voice:tone-0' } });
  client.send('synthesize-chunk', { text: 'the fir' }).send('synthesize-chunk', { text: 'st one! the sec' });
  const first = await client.until('audio-chunk');
  client.send('synthesize-chunk', { text: 'ond one! rest' });
  client.send('synthesize', { text: 'the first one! the second one! rest' }).send('synthesize-stop');
  const all = soundOf([...first, ...(await client.until('synthesize-stopped'))]);
  assert.deepEqual(all.formats, ['24000/2/1']);
  const sentence = ['audio-start', 'audio-chunk', 'audio-stop'];
  assert.deepEqual(all.types, [...sentence, ...sentence, ...sentence, 'synthesize-stopped']);
  const { text } = await client.speak(all.bytes, 24_000).send('audio-stop').answer('transcript');
  assert.equal(text, 'the first one!the second one!rest');
  client.send('synthesize', { text: 'again.' });
  assert.equal(soundOf(await client.until('audio-stop')).types.at(-1), 'audio-stop', 'one-shots work again');
  client.send('synthesize-start').send('synthesize-stop').send('synthesize-stop');
  for (let i = 0; i < 2; i++)
    assert.equal((await client.until('synthesize-stopped')).at(-1)?.type, 'synthesize-stopped');
});

test('SSML is spoken, at once or as a stream', async (t) => {
  const { server } = await serveDuring(t, { tones: true, env: MODELS });
  const client = await WyomingClient.open(t, server.wyomingUrl!);
  const ssml = (text: string) => `<speak>${text}<break time="300ms"/></speak>`;
  const heard = async (sound: Buffer) =>
    (await client.speak(sound, 24_000).send('audio-stop').answer('transcript')).text;
  client.send('synthesize', { text: ssml('one.'), text_format: 'ssml' });
  assert.equal(await heard(soundOf(await client.until('audio-stop')).bytes), 'one.');
  client.send('synthesize-start', { text_format: 'ssml' });
  for (const letter of ssml('two.')) client.send('synthesize-chunk', { text: letter });
  client.send('synthesize-stop');
  assert.equal(await heard(soundOf(await client.until('synthesize-stopped')).bytes), 'two.');
});

test('every failure is an error event, and the connection goes on', async (t) => {
  const { server } = await serveDuring(t, { tones: true, env: { ...MODELS, TTS_MAX_INPUT_LENGTH: '20' } });
  const client = await WyomingClient.open(t, server.wyomingUrl!);
  const format = { rate: 16_000, width: 2, channels: 1 };
  const failing: [string, object, string][] = [
    ['transcribe', { name: 'no-such-model' }, 'model_not_found'],
    ['transcribe', { language: 'xx' }, 'unsupported_by_model'],
    ['transcribe', { language: 7 }, 'invalid_request'],
    ['transcribe', { vad_sensitivity: 'constructor' }, 'unsupported_value'],
    ['audio-chunk', { ...format, rate: 7999 }, 'unsupported_value'],
    ['audio-chunk', { ...format, width: 5 }, 'unsupported_value'],
    ['audio-chunk', { ...format, channels: 0 }, 'unsupported_value'],
    ['audio-chunk', {}, 'unsupported_value'],
    ['synthesize', { text: '' }, 'invalid_request'],
    ['synthesize', {}, 'invalid_request'],
    ['synthesize', { text: 'x'.repeat(21) }, 'text_too_long'],
    ['synthesize', { text: 'a', voice: { name: 'nobody' } }, 'voice_not_found'],
    ['synthesize', { text: 'a', voice: { name: 'tone-voice:nobody' } }, 'voice_not_found'],
    ['synthesize', { text: 'a', voice: { name: 'nothing:nobody' } }, 'model_not_found'],
    ['synthesize', { text: 'a', voice: { speaker: 'x' } }, 'unsupported_value'],
    ['synthesize', { text: 'a', voice: [] }, 'invalid_request'],
    ['synthesize', { text: '<speak>', text_format: 'ssml' }, 'invalid_ssml'],
    ['synthesize', { text: 'a', text_format: 'html' }, 'unsupported_value'],
    ['synthesize-chunk', { text: 'a' }, 'invalid_request'],
  ];
  for (const [type, data, code] of failing) {
    client.send(type, data);
    const event = await client.next();
    assert.deepEqual([event?.type, event?.data.code], ['error', code], JSON.stringify([type, data]));
    assert.ok((event!.data.text as string).length > 10);
    client.send('audio-stop').send('ping');
    await client.until('pong');
  }
  client.send('synthesize-start', { voice: { name: 'nobody' } }).send('synthesize-chunk', { text: 'a. ' });
  assert.equal((await client.next())?.data.code, 'voice_not_found');
  assert.equal((await client.send('synthesize-stop').next())?.type, 'synthesize-stopped');
  client.send('whatever', { a: 1 }, Buffer.from('b')).send('ping');
  assert.equal((await client.next())?.type, 'pong', 'what it does not know it ignores');
});

test('a voice is found by the name that info tells, by its own id, or by its language', async (t) => {
  const { server } = await serveDuring(t, { tones: true, env: MODELS });
  const client = await WyomingClient.open(t, server.wyomingUrl!);
  const rateOf = async (voice: object) => {
    client.send('synthesize', { text: 'a.', voice });
    return soundOf(await client.until('audio-stop')).formats[0];
  };
  assert.equal(await rateOf({ name: 'tone-1' }), '24000/2/1');
  assert.equal(await rateOf({ language: 'en_US' }), '24000/2/1');
  assert.equal(await rateOf({ language: 'de-DE' }), '22050/2/1', 'the default voice knows no German');
  assert.equal(await rateOf({ name: 'espeak:en-gb' }), '22050/2/1');
  assert.equal(await rateOf({ name: 'de' }), '22050/2/1');
});

test('whatever order a client does things in, each end that it tells is answered once, and no work is left', async (t) => {
  const { server } = await serveDuring(t, { tones: true, env: MODELS });
  const random = randomOf(42);
  const format = { rate: 16_000, width: 2, channels: 1 };
  const steps: [string, () => [data: object, payload?: Buffer]][] = [
    ['transcribe', () => [{ language: 'en' }]],
    ['audio-start', () => [format]],
    ['audio-chunk', () => [format, Buffer.alloc(random(8000), random(256))]],
    ['audio-stop', () => [{}]],
    ['synthesize', () => [{ text: 'a.' }]],
    ['synthesize-start', () => [{}]],
    ['synthesize-stop', () => [{}]],
    ['describe', () => [{}]],
  ];
  for (let life = 0; life < 12; life++) {
    const client = await WyomingClient.open(t, server.wyomingUrl!);
    const owed = { transcript: 0, 'synthesize-stopped': 0, info: 0 };
    let streaming = false;
    for (let i = 0; i < 20; i++) {
      const [type, make] = steps[random(steps.length)]!;
      client.send(type, ...make());
      if (type === 'synthesize-start') streaming = true;
      if (type === 'synthesize-stop') streaming = false;
      if (streaming && random(2) === 0) client.send('synthesize-chunk', { text: 'b! c' });
      if (type === 'audio-stop') owed.transcript++;
      if (type === 'synthesize-stop') owed['synthesize-stopped']++;
      if (type === 'describe') owed.info++;
    }
    client.send('synthesize-stop').send('audio-stop');
    owed['synthesize-stopped']++;
    owed.transcript++;
    const seen = { transcript: 0, 'synthesize-stopped': 0, info: 0 };
    while (Object.keys(owed).some((type) => seen[type as keyof typeof seen] < owed[type as keyof typeof owed])) {
      const event = await client.next();
      assert.ok(event !== undefined && event.type !== 'error', JSON.stringify(event?.data));
      if (Object.hasOwn(seen, event.type)) seen[event.type as keyof typeof seen]++;
    }
    await client.send('ping').answer('pong');
    assert.deepEqual(seen, owed);
  }
  const { router } = server.service;
  await until(() => router.status().models.every(({ running, waiting }) => running + waiting.interactive === 0));
});
