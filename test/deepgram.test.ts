/** Deepgram's protocol with Deepgram's own client, unchanged, and with raw sockets for what it never sends. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { pcmToMuLaw } from '../src/audio/g711.ts';
import { fromS16le } from '../src/audio/pcm.ts';
import { resample } from '../src/audio/resample.ts';
import { wavHeader } from '../src/audio/wav.ts';
import { clientOf, finalTexts, listenTo, type Message, type Results, sendIn } from './support/deepgram.ts';
import { RawConnection, requestHead } from './support/raw.ts';
import { serveDuring } from './support/server.ts';
import { spokenPcm } from './support/spoken.ts';
import { until } from './support/until.ts';

const env = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear', OS_MODEL_TTL: '0' };
const RATE = 24_000;

test("Deepgram's client hears live speech, with its events in their order", async (context) => {
  const server = await serveDuring(context, { tones: true, env });
  const socket = await clientOf(server).listen.v1.connect({
    ...{ model: 'nova-3', encoding: 'linear16', sample_rate: RATE, interim_results: 'true', endpointing: 300 },
    ...{ vad_events: 'true', utterance_end_ms: 1000, smart_format: 'true', Authorization: `Token ${server.key}` },
  } as never);
  const messages: Message[] = [];
  const metadata = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<number>();
  socket.on('message', (message) => {
    messages.push(message as unknown as Message);
    if ((message as unknown as Message).type === 'Metadata') metadata.resolve();
  });
  socket.on('close', (event) => closed.resolve((event as unknown as { code: number }).code));
  socket.connect();
  await socket.waitForOpen();
  const audio = Buffer.concat([await spokenPcm(server, 'good morning'), await spokenPcm(server, 'how are you')]);
  for (let at = 0; at < audio.length; at += 4801) socket.sendMedia(audio.subarray(at, at + 4801));
  socket.sendKeepAlive({ type: 'KeepAlive' });
  socket.sendCloseStream({ type: 'CloseStream' });
  await metadata.promise;
  assert.equal(await closed.promise, 1000);
  const results = messages.filter(({ type }) => type === 'Results') as Results[];
  assert.deepEqual(finalTexts(results), ['good morning', 'how are you']);
  assert.ok(results.filter(({ is_final }) => is_final).every(({ speech_final }) => speech_final));
  assert.equal(messages.at(-1)!.type, 'Metadata');
  assert.equal(messages.filter(({ type }) => type === 'Metadata').length, 1);
  assert.ok(messages.filter(({ type }) => type === 'SpeechStarted').length === 2);
  assert.ok(messages.some(({ type }) => type === 'UtteranceEnd'));
  const [first, second] = results.filter(({ is_final }) => is_final);
  assert.ok(first!.start < second!.start && second!.start > 1.5, `${first!.start} ${second!.start}`);
  const { words } = second!.channel.alternatives[0]!;
  assert.deepEqual(
    words.map(({ word }) => word),
    ['how', 'are', 'you'],
  );
  assert.ok(words.every(({ start, end }) => start >= second!.start - 0.5 && end > start));
});

test("Deepgram's client transcribes a recording and speaks a text", async (context) => {
  const server = await serveDuring(context, { tones: true, env });
  const client = clientOf(server);
  const pcm = await spokenPcm(server, 'good morning');
  const wav = Buffer.concat([wavHeader(RATE, pcm.length / 2), pcm]);
  const answer = (await client.listen.v1.media.transcribeFile(wav, {
    model: 'nova-3',
    utterances: true,
  } as never)) as unknown as {
    metadata: { request_id: string; duration: number; channels: number; models: string[] };
    results: { channels: { alternatives: { transcript: string }[] }[]; utterances: { transcript: string }[] };
  };
  assert.equal(answer.results.channels[0]!.alternatives[0]!.transcript, 'good morning');
  assert.deepEqual(answer.results.utterances.map(({ transcript }) => transcript).join(' '), 'good morning');
  assert.equal(answer.metadata.channels, 1);
  assert.deepEqual(answer.metadata.models, ['tone-ear']);
  const audio = await client.speak.v1.audio.generate({
    text: 'good morning',
    model: 'aura-2-thalia-en',
    encoding: 'mp3',
  } as never);
  const mp3 = Buffer.from(await audio.arrayBuffer());
  assert.ok(mp3.length > 1000);
});

test("Deepgram's client speaks text while it is being written", async (context) => {
  const server = await serveDuring(context, { tones: true, env });
  const socket = await clientOf(server).speak.v1.connect({
    ...{ model: 'aura-2-thalia-en', encoding: 'linear16', sample_rate: 16_000, Authorization: `Token ${server.key}` },
  } as never);
  const kinds: string[] = [];
  let bytes = 0;
  const flushed = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<number>();
  socket.on('message', (message) => {
    const data = message as unknown;
    if (data instanceof ArrayBuffer) bytes += data.byteLength;
    else if (data instanceof Blob) bytes += data.size;
    else if (ArrayBuffer.isView(data)) bytes += data.byteLength;
    else {
      kinds.push((data as Message).type);
      if ((data as Message).type === 'Flushed') flushed.resolve();
    }
  });
  socket.on('close', (event) => closed.resolve((event as unknown as { code: number }).code));
  socket.connect();
  await socket.waitForOpen();
  for (const text of ['good mor', 'ning. how a', 're you']) socket.sendText({ type: 'Speak', text });
  socket.sendFlush({ type: 'Flush' });
  await flushed.promise;
  socket.sendClose({ type: 'Close' });
  assert.equal(await closed.promise, 1000);
  assert.deepEqual(kinds.slice(0, 2), ['Metadata', 'Flushed']);
  assert.ok(bytes > 16_000, `${bytes}`);
});

test('a Finalize is always answered, with the words that were being said or with none', async (context) => {
  const server = await serveDuring(context, { tones: true, env });
  const { socket, results, closed } = await listenTo(server, `model=nova-3&encoding=linear16&sample_rate=${RATE}`);
  socket.send(JSON.stringify({ type: 'Finalize' }));
  const pcm = await spokenPcm(server, 'good morning');
  // Cut right behind the words, so that only the Finalize ends them.
  sendIn(socket, pcm.subarray(0, pcm.length - 70_000), 960);
  socket.send(JSON.stringify({ type: 'Finalize' }));
  socket.send(Buffer.alloc(0));
  assert.equal((await closed).code, 1000);
  const finals = results().filter(({ from_finalize }) => from_finalize);
  assert.deepEqual(finalTexts(finals), ['', 'good morning']);
});

test('each channel is heard by itself where that is asked', async (context) => {
  const server = await serveDuring(context, { tones: true, env });
  const query = `encoding=linear16&sample_rate=${RATE}&channels=2&multichannel=true`;
  const { socket, results, closed } = await listenTo(server, query);
  const [left, right] = [
    fromS16le(await spokenPcm(server, 'good day')),
    fromS16le(await spokenPcm(server, 'how are you')),
  ];
  const both = new Int16Array(2 * Math.max(left.length, right.length));
  for (let i = 0; i < both.length / 2; i++) {
    both[2 * i] = (left[i] ?? 0) * 32_767;
    both[2 * i + 1] = (right[i] ?? 0) * 32_767;
  }
  sendIn(socket, new Uint8Array(both.buffer), 9601);
  socket.send(JSON.stringify({ type: 'CloseStream' }));
  await closed;
  const byChannel = (index: number) => finalTexts(results().filter(({ channel_index }) => channel_index[0] === index));
  assert.deepEqual([byChannel(0), byChannel(1)], [['good day'], ['how are you']]);
  assert.ok(results().every(({ channel_index }) => channel_index[1] === 2));
});

test('telephone audio and audio with a WAV header are heard too', async (context) => {
  const server = await serveDuring(context, { tones: true, env });
  const pcm = await spokenPcm(server, 'hello');
  const phone = pcmToMuLaw(resample(fromS16le(pcm), RATE, 16_000));
  const wav = Buffer.concat([wavHeader(RATE, pcm.length / 2), pcm]);
  for (const [query, audio] of [
    ['encoding=mulaw&sample_rate=16000', phone],
    ['model=nova-2', wav],
  ] as const) {
    const { socket, results, closed } = await listenTo(server, query);
    sendIn(socket, audio, 999);
    socket.send(JSON.stringify({ type: 'CloseStream' }));
    await closed;
    assert.deepEqual(finalTexts(results()), ['hello']);
  }
});

test('what cannot be is refused before the socket opens, with the reason in a header', async (context) => {
  const server = await serveDuring(context, { tones: true, env });
  for (const [query, status, reason] of [
    ['encoding=linear16', 400, /sample_rate/],
    ['encoding=speex&sample_rate=16000', 400, /encoding/],
    ['encoding=linear16&sample_rate=7', 400, /sample_rate/],
    ['encoding=linear16&sample_rate=16000&utterance_end_ms=1000', 400, /interim_results/],
    ['encoding=linear16&sample_rate=16000&interim_results=yes', 400, /interim_results/],
    ['encoding=linear16&sample_rate=16000&channels=99', 400, /channels/],
    ['model=no-such-ear', 404, /no-such-ear/],
  ] as const) {
    const refused = await new Promise<{ status: number; reason: string; id: string }>((resolve) => {
      const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/listen?${query}`, {
        headers: { authorization: `token ${server.key}` },
      });
      socket.on('error', () => {});
      socket.on('unexpected-response', (_request, response) => {
        const { 'dg-error': why, 'dg-request-id': id } = response.headers;
        resolve({ status: response.statusCode!, reason: String(why), id: String(id) });
        response.resume();
      });
    });
    assert.equal(refused.status, status, query);
    assert.match(refused.reason, reason);
    assert.match(refused.id, /\S{8}/);
  }
  const wrong = new WebSocket(`${server.url.replace('http', 'ws')}/v1/listen`, ['token', 'os_wrong']);
  const [error] = await new Promise<[Error]>((resolve) => wrong.on('error', (thrown) => resolve([thrown])));
  assert.match(error.message, /401/);
});

test('nonsense is answered or ends this stream alone, with a code that says why', async (context) => {
  const server = await serveDuring(context, { tones: true, env: { ...env, OS_DEEPGRAM_SILENT_S: '1' } });
  const raw = `encoding=linear16&sample_rate=${RATE}`;
  const { socket, messages, closed } = await listenTo(server, raw);
  for (const text of ['{', '[]', 'null', '{"type":"Nonsense"}', '{"type":7}']) socket.send(text);
  socket.send(JSON.stringify({ type: 'CloseStream' }));
  assert.equal((await closed).code, 1000);
  assert.equal(messages.filter(({ type }) => type === 'Error').length, 5);

  const noAudio = await listenTo(server, 'model=nova-3');
  noAudio.socket.send(Buffer.from('<html>this is no audio at all, and it goes on</html>'));
  const undecodable = await noAudio.closed;
  assert.equal(undecodable.code, 1008);
  assert.match(undecodable.reason, /^DATA-0000/);

  const silent = await listenTo(server, raw);
  const idle = await silent.closed;
  assert.equal(idle.code, 1011);
  assert.match(idle.reason, /^NET-0001/);

  const fetched = await server.fetch('/v1/listen', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ url: 'http://169.254.169.254/' }),
  });
  assert.equal(fetched.status, 400);
  const empty = await server.fetch('/v1/listen', {
    method: 'POST',
    headers: { 'content-type': 'audio/wav' },
    body: '',
  });
  assert.equal(empty.status, 400);
  const broken = await server.fetch('/v1/listen', {
    method: 'POST',
    headers: { 'content-type': 'audio/wav' },
    body: 'RIFFnonsense',
  });
  assert.equal(broken.status, 400);
  const stillThere = await server.fetch('/v1/speak?encoding=linear16&container=none&sample_rate=8000', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ text: 'hello' }),
  });
  assert.equal(stillThere.headers.get('content-type'), 'audio/l16;rate=8000');
  assert.ok((await stillThere.arrayBuffer()).byteLength > 2000);
});

test('a recording over the limit is refused, one at the limit is heard', async (context) => {
  const server = await serveDuring(context, { tones: true, env: { ...env, OS_MAX_UPLOAD_MB: '1' } });
  const post = (bytes: number) => {
    const body = Buffer.concat([wavHeader(RATE, (bytes - 44) / 2), Buffer.alloc(bytes - 44)]);
    return server.fetch('/v1/listen', { method: 'POST', headers: { 'content-type': 'audio/wav' }, body });
  };
  assert.equal((await post(2 ** 20)).status, 200);
  const over = await post(2 ** 20 + 2);
  assert.equal(over.status, 413);
  assert.match(await over.text(), /larger/);
});

test('a recording that is the body counts among the uploads, may not pause for long, and leaves nothing behind', async (context) => {
  const bounds = { OS_MAX_UPLOADS: '1', OS_UPLOAD_IDLE_S: '1' };
  const server = await serveDuring(context, { tones: true, env: { ...env, ...bounds } });
  const kept = () => readdirSync(join(server.dataDir, 'tmp'));
  const begin = async () => {
    const connection = await RawConnection.open(server.url);
    const key = `Authorization: Bearer ${server.key}`;
    await connection.write(requestHead('POST /v1/listen', key, 'Content-Type: audio/wav', 'Content-Length: 5000'));
    await connection.write(Buffer.alloc(1000));
    await until(() => kept().length === 1);
    return connection;
  };
  const first = await begin();
  const body = Buffer.alloc(100);
  const second = await server.fetch('/v1/listen', { method: 'POST', headers: { 'content-type': 'audio/wav' }, body });
  assert.equal(second.status, 503);
  assert.equal((await first.answer()).status, 408);
  first.close();
  await until(() => kept().length === 0);
  const leaving = await begin();
  leaving.close();
  await until(() => kept().length === 0);
});
