/** Live audio as browsers and telephony send it to Deepgram: WebM, Ogg, FLAC and bare Opus, while it is being made. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { loadFfmpeg } from '../src/audio/media/ffmpeg.ts';
import { makeRecording, writeSilentOpus } from '../src/audio/media/make-recording.ts';
import type { RunningMedia } from '../src/audio/media/media.ts';
import { fromS16le } from '../src/audio/pcm.ts';
import { resample } from '../src/audio/resample.ts';
import { clientOf, finalTexts, listenTo, type Message, type Results, sendIn } from './support/deepgram.ts';
import { randomOf } from './support/mutate.ts';
import { serveDuring, startServer, type TestServer } from './support/server.ts';
import { spokenPcm } from './support/spoken.ts';
import { until } from './support/until.ts';

const env = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear', OS_MODEL_TTL: '0' };
const SPOKEN_RATE = 24_000;

let server: TestServer;
let folder: string;
before(async () => {
  server = await startServer({ tones: true, env });
  folder = mkdtempSync(join(tmpdir(), 'deepgram-compressed-'));
});
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

const livePids = (of: TestServer): number[] => (of.server.service.media as RunningMedia).pids().live;

/** Texts one after the other on each channel, as a recording that another program made. */
async function recordingOf(
  channels: readonly (readonly string[])[],
  { container, codec, sampleRate = 48_000 }: { container: string; codec: string; sampleRate?: number },
): Promise<Buffer> {
  const sounds = await Promise.all(
    channels.map(async (texts) => {
      const spoken: Uint8Array[] = [];
      for (const text of texts) spoken.push(await spokenPcm(server, text));
      return resample(fromS16le(Buffer.concat(spoken)), SPOKEN_RATE, sampleRate);
    }),
  );
  return await makeRecording(join(folder, 'r'), {
    ...{ container, codec, sampleRate, channels: channels.length },
    sound: (seconds, channel) => sounds[channel]![Math.round(seconds * sampleRate)] ?? 0,
    seconds: Math.max(...sounds.map(({ length }) => length)) / sampleRate,
  });
}

test("Deepgram's client hears what a browser records, with the times of the stream", async () => {
  for (const [query, container] of [
    [{}, 'webm'],
    [{ encoding: 'ogg-opus', sample_rate: 48_000 }, 'ogg'],
  ] as const) {
    const socket = await clientOf(server).listen.v1.connect({
      ...{ model: 'nova-3', interim_results: 'true', endpointing: 300, vad_events: 'true', utterance_end_ms: 1000 },
      ...query,
      Authorization: `Token ${server.key}`,
    } as never);
    const messages: Message[] = [];
    const closed = Promise.withResolvers<number>();
    socket.on('message', (message) => messages.push(message as unknown as Message));
    socket.on('close', (event) => closed.resolve((event as unknown as { code: number }).code));
    socket.connect();
    await socket.waitForOpen();
    const audio = await recordingOf([['good morning', 'how are you']], { container, codec: 'libopus' });
    for (let at = 0; at < audio.length; at += 1777) socket.sendMedia(audio.subarray(at, at + 1777));
    socket.sendCloseStream({ type: 'CloseStream' });
    assert.equal(await closed.promise, 1000);
    const results = messages.filter(({ type }) => type === 'Results') as Results[];
    assert.deepEqual(finalTexts(results), ['good morning', 'how are you'], container);
    assert.equal(messages.filter(({ type }) => type === 'SpeechStarted').length, 2);
    assert.ok(messages.some(({ type }) => type === 'UtteranceEnd'));
    const last = messages.at(-1)! as Message & { duration: number };
    assert.equal(last.type, 'Metadata');
    const spokenS = ((await spokenPcm(server, 'good morning')).length / 2 + 12_000) / SPOKEN_RATE;
    const second = results.findLast(({ is_final }) => is_final)!;
    const [word] = second.channel.alternatives[0]!.words;
    assert.ok(Math.abs(word!.start - spokenS) < 0.15, `${container}: ${word!.start} for ${spokenS}`);
    assert.ok(last.duration > second.start + second.duration);
  }
  await until(() => livePids(server).length === 0);
});

test('every container and every name for it is heard, however the bytes are cut', async () => {
  for (const [query, container, codec, sampleRate, pieceBytes] of [
    ['encoding=opus&sample_rate=48000', 'ogg', 'libopus', 48_000, 200],
    ['encoding=opus', 'webm', 'libopus', 48_000, 5000],
    ['encoding=flac&sample_rate=16000', 'flac', 'flac', 16_000, 999],
    ['encoding=flac&sample_rate=44100', 'ogg', 'flac', 44_100, 3000],
    ['model=nova-3', 'ogg', 'libvorbis', 44_100, 500],
    ['model=nova-3', 'mp3', 'libmp3lame', 44_100, 300],
    ['model=nova-3', 'adts', 'aac', 44_100, 100],
    ['model=nova-3', 'webm', 'libopus', 48_000, 1],
  ] as const) {
    const audio = await recordingOf([['hello']], { container, codec, sampleRate });
    const { socket, results, messages, closed, say } = await listenTo(server, query);
    sendIn(socket, audio.subarray(0, 3), 1);
    sendIn(socket, audio.subarray(3), pieceBytes);
    say('CloseStream');
    assert.equal((await closed).code, 1000, JSON.stringify(messages));
    // A machine so busy that a thousand messages take a second hears a pause in them.
    assert.equal(finalTexts(results()).join(''), 'hello', `${container} ${codec}`);
  }
});

test('bare packets of Opus are heard, as chat programs send them', async () => {
  const av = await loadFfmpeg();
  await recordingOf([['hello']], { container: 'ogg', codec: 'libopus' });
  const input = new av.FormatContext();
  assert.equal(input.openInputSync(join(folder, 'r')), 0);
  const packet = new av.Packet();
  packet.alloc();
  const { socket, results, closed } = await listenTo(server, 'encoding=opus&sample_rate=48000&channels=1');
  while (input.readFrameSync(packet) >= 0) {
    socket.send(Buffer.from(packet.data!));
    packet.unref();
  }
  input.closeInputSync();
  socket.send(Buffer.alloc(0));
  assert.equal((await closed).code, 1000);
  assert.deepEqual(finalTexts(results()), ['hello']);
});

test('words come while the stream goes on, and a Finalize is answered with what was sent before it', async () => {
  const audio = await recordingOf([['good morning', 'how are you']], { container: 'webm', codec: 'libopus' });
  const whole = await recordingOf([['good morning']], { container: 'webm', codec: 'libopus' });
  const { socket, results, messages, closed, say } = await listenTo(server, 'endpointing=false');
  say('Finalize');
  // The words and little of the silence behind them, so that only the Finalize ends them.
  const spoken = Math.floor(whole.length * 0.9);
  sendIn(socket, audio.subarray(0, spoken), 500);
  say('Finalize');
  const finalized = () => results().filter(({ from_finalize }) => from_finalize);
  await until(() => finalized().length === 2);
  assert.deepEqual(finalTexts(finalized()), ['', 'good morning']);
  sendIn(socket, audio.subarray(spoken), 500);
  say('Finalize');
  say('CloseStream');
  assert.equal((await closed).code, 1000);
  assert.equal(finalTexts(results()).join(' ').trim().replaceAll(/ +/g, ' '), 'good morning how are you');
  assert.equal(messages.at(-1)!.type, 'Metadata');
});

test('each channel of a container is heard by itself where that is asked, all mixed where not', async () => {
  const audio = await recordingOf([['good day'], ['how are you']], { container: 'webm', codec: 'libopus' });
  const { socket, results, messages, closed, say } = await listenTo(server, 'multichannel=true');
  sendIn(socket, audio, 1000);
  say('CloseStream');
  assert.equal((await closed).code, 1000);
  const byChannel = (index: number) => finalTexts(results().filter(({ channel_index }) => channel_index[0] === index));
  assert.deepEqual([byChannel(0), byChannel(1)], [['good day'], ['how are you']]);
  assert.ok(results().every(({ channel_index }) => channel_index[1] === 2));
  assert.equal((messages.at(-1) as Message & { channels: number }).channels, 2);

  const alone = await recordingOf([['good day'], []], { container: 'webm', codec: 'libopus' });
  const mixed = await listenTo(server, 'model=nova-3');
  sendIn(mixed.socket, alone, 1000);
  mixed.say('CloseStream');
  await mixed.closed;
  assert.deepEqual(finalTexts(mixed.results()), ['good day']);
});

test('what is no audio, or none that is taken, ends its stream with 1008 and a reason', async () => {
  const random = randomOf(9);
  const rubbish = Buffer.from(Array.from({ length: 10_000 }, () => random(256)));
  const film = await makeRecording(join(folder, 'film'), { container: 'webm', seconds: 0, picture: true });
  const codec = await makeRecording(join(folder, 'other'), { container: 'matroska', codec: 'mp2', seconds: 1 });
  for (const [what, bytes, variant] of [
    ['a page', Buffer.from('<html>this is no audio at all</html>'), 'unsupported_audio'],
    ['rubbish behind a signature', Buffer.concat([Buffer.from('1a45dfa3', 'hex'), rubbish]), 'invalid_audio'],
    ['rubbish behind OggS', Buffer.concat([Buffer.from('OggS'), rubbish]), 'invalid_audio'],
    ['a silent film', film, 'unsupported_audio'],
    ['another codec', codec, 'unsupported_audio'],
  ] as const) {
    const { socket, messages, closed, say } = await listenTo(server, 'model=nova-3');
    sendIn(socket, bytes, 800);
    say('CloseStream');
    const { code, reason } = await closed;
    assert.deepEqual([code, reason.slice(0, 9)], [1008, 'DATA-0000'], what);
    assert.deepEqual(
      messages.map(({ type, variant }) => [type, variant]),
      [['Error', variant]],
      what,
    );
  }
  await until(() => livePids(server).length === 0);
});

test('a stream whose decoder dies ends with 1011, and no other with it', async () => {
  const audio = await recordingOf([['hello']], { container: 'webm', codec: 'libopus' });
  const half = audio.subarray(0, audio.length / 2);
  const first = await listenTo(server, 'model=nova-3');
  first.socket.send(half);
  await until(() => livePids(server).length === 1);
  const [victim] = livePids(server);
  const second = await listenTo(server, 'model=nova-3');
  second.socket.send(half);
  await until(() => livePids(server).length === 2);
  process.kill(victim!, 'SIGKILL');
  const { code, reason } = await first.closed;
  assert.deepEqual([code, reason.slice(0, 9)], [1011, 'NET-0000:']);
  assert.equal(first.messages.at(-1)!.variant, 'engine_failed');
  second.socket.send(audio.subarray(half.length));
  second.say('CloseStream');
  assert.equal((await second.closed).code, 1000);
  assert.deepEqual(finalTexts(second.results()), ['hello']);
});

test('a client that leaves takes its decoder with it, wherever it was', async () => {
  const audio = await recordingOf([['hello']], { container: 'ogg', codec: 'libopus' });
  for (const [bytes, leave] of [
    [audio.subarray(0, 20), 'close'],
    [audio.subarray(0, 9000), 'terminate'],
    [audio, 'terminate'],
    [audio, 'close'],
  ] as const) {
    const { socket, closed } = await listenTo(server, 'model=nova-3');
    sendIn(socket, bytes, 500);
    await until(() => livePids(server).length === 1);
    socket[leave]();
    await closed;
    await until(() => livePids(server).length === 0);
  }
});

test('as many compressed streams as permitted are heard at once, one more is told so, and WAV needs no decoder', async (t) => {
  const small = await serveDuring(t, { tones: true, env: { ...env, OS_MAX_LIVE_DECODERS: '1' } });
  const audio = await recordingOf([['hello']], { container: 'ogg', codec: 'libopus' });
  const first = await listenTo(small, 'model=nova-3');
  first.socket.send(audio.subarray(0, 5000));
  await until(() => livePids(small).length === 1);
  const second = await listenTo(small, 'encoding=ogg-opus');
  second.socket.send(audio);
  const { code, reason } = await second.closed;
  assert.equal(code, 1011);
  assert.match(reason, /^NET-0000: Too many compressed streams/);
  assert.equal(second.messages[0]!.variant, 'overloaded');

  const wav = await recordingOf([['hello']], { container: 'wav', codec: 'pcm_s16le', sampleRate: 16_000 });
  const third = await listenTo(small, 'model=nova-3');
  sendIn(third.socket, wav, 4000);
  third.say('CloseStream');
  await third.closed;
  assert.deepEqual(finalTexts(third.results()), ['hello']);

  first.socket.send(audio.subarray(5000));
  first.say('CloseStream');
  await first.closed;
  assert.deepEqual(finalTexts(first.results()), ['hello']);
  await until(() => livePids(small).length === 0);
  const fourth = await listenTo(small, 'model=nova-3');
  fourth.socket.send(audio);
  fourth.say('CloseStream');
  await fourth.closed;
  assert.deepEqual(finalTexts(fourth.results()), ['hello']);
});

test('hours of sound out of few bytes end at the bound, a recording within it is heard whole', async (t) => {
  const bounded = await serveDuring(t, { tones: true, env: { ...env, OS_LIVE_MAX_AHEAD_S: '120' } });
  await writeSilentOpus(join(folder, 'hours'), 24 * 3_600_000 * 0.1);
  const { socket, messages, closed } = await listenTo(bounded, 'model=nova-3');
  sendIn(socket, readFileSync(join(folder, 'hours')), 100_000);
  const { code } = await closed;
  assert.equal(code, 1008);
  assert.equal(messages.at(-1)!.variant, 'audio_too_long');
  await until(() => livePids(bounded).length === 0);

  await writeSilentOpus(join(folder, 'minutes'), 110_000);
  const within = await listenTo(bounded, 'model=nova-3');
  sendIn(within.socket, readFileSync(join(folder, 'minutes')), 1000);
  within.say('CloseStream');
  assert.equal((await within.closed).code, 1000);
  const { duration } = within.messages.at(-1) as Message & { duration: number };
  assert.ok(Math.abs(duration - 110) < 0.2, `${duration}`);
});

test('a server that leaves still decodes and tells what it was sent', async (t) => {
  const leaving = await serveDuring(t, { tones: true, env });
  const audio = await recordingOf([['hello']], { container: 'webm', codec: 'libopus' });
  const { socket, results, messages, closed } = await listenTo(leaving, 'model=nova-3');
  sendIn(socket, audio, 2000);
  await until(() => livePids(leaving).length === 1);
  await leaving.server.close();
  assert.equal((await closed).code, 1001);
  assert.deepEqual(finalTexts(results()), ['hello']);
  assert.equal(messages.at(-1)!.type, 'Metadata');
  assert.deepEqual(livePids(leaving), []);
});

test('a recording that is sent at once is heard whole, as fast as it can be', async (t) => {
  const bounds = { OS_LIVE_BACKLOG_S: '5', OS_LIVE_COMPRESSED_KB: '256', OS_WS_MAX_MESSAGE_KB: '4' };
  const small = await serveDuring(t, { tones: true, env: { ...env, ...bounds } });
  const texts = Array.from({ length: 12 }, (_, i) => (i % 2 === 0 ? 'good morning' : 'how are you'));
  for (const [container, codec] of [
    ['webm', 'libopus'],
    ['aiff', 'pcm_s16be'],
  ] as const) {
    const audio = await recordingOf([texts], { container, codec });
    if (container === 'aiff') assert.ok(audio.length > 2 ** 18, 'more than may wait');
    const { socket, results, messages, closed, say } = await listenTo(small, 'interim_results=true');
    sendIn(socket, audio, 4000);
    say('CloseStream');
    assert.equal((await closed).code, 1000, `${container}: ${JSON.stringify(messages.at(-1))}`);
    assert.deepEqual(finalTexts(results()), texts, container);
    assert.ok(messages.every(({ type }) => type !== 'Error'));
  }
});
