import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { randomOf } from '../../../test/support/mutate.ts';
import { until } from '../../../test/support/until.ts';
import { SpeechError } from '../../errors.ts';
import type { Container, LiveDecoding } from '../contract.ts';
import { amplitudeAt, join } from '../testing.ts';
import { loadFfmpeg } from './ffmpeg.ts';
import { LiveDecoder } from './live-decoder.ts';
import { makeRecording, writeSilentOpus } from './make-recording.ts';
import { type MediaOptions, openMedia, type RunningMedia } from './media.ts';

const LIMITS = {
  ...{ mediaProcesses: 1, mediaMemoryBytes: 512 * 2 ** 20, mediaQueue: 1, encodedStreams: 1 },
  ...{ liveDecoders: 4, liveCompressedBytes: 2 ** 20, liveAheadMs: 60_000 },
};
const PIECE_BYTES = 700;
const RATE = 16_000;

let folder: string;
let path: string;
before(async () => {
  folder = await mkdtemp(joinPath(tmpdir(), 'live-decode-'));
  path = joinPath(folder, 'r');
});
after(() => rm(folder, { recursive: true }));

function open(t: TestContext, limits: Partial<MediaOptions['limits']> = {}): RunningMedia {
  const media = openMedia({ limits: { ...LIMITS, ...limits }, readable: [] });
  t.after(() => media.close());
  return media;
}

const sound = (seconds: number, channel: number): number =>
  0.3 * Math.sin(2 * Math.PI * (channel === 0 ? 500 : 900) * seconds);

function inPieces(bytes: Uint8Array, pieceBytes = PIECE_BYTES): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) pieces.push(bytes.subarray(at, at + pieceBytes));
  return pieces;
}

/** All that comes out, one array for each channel. */
async function hear(decoding: LiveDecoding): Promise<Float32Array[]> {
  const parts: Float32Array[][] = [];
  for await (const { channels } of decoding) {
    for (const [index, pcm] of channels.entries()) {
      parts[index] ??= [];
      parts[index].push(pcm);
    }
  }
  return parts.map(join);
}

async function hearAll(
  media: RunningMedia,
  container: Container,
  bytes: Uint8Array,
  { apart = false, pieceBytes = PIECE_BYTES } = {},
): Promise<Float32Array[]> {
  const decoding = media.decodeLive({ container, apart, caller: 'a' });
  for (const piece of inPieces(bytes, pieceBytes)) decoding.push(piece);
  decoding.end();
  return hear(decoding);
}

const FORMATS = [
  ['webm', 'libopus', 48_000, 1, 'matroska'],
  ['webm', 'libopus', 48_000, 2, 'matroska'],
  ['matroska', 'libvorbis', 44_100, 1, 'matroska'],
  ['ogg', 'libopus', 48_000, 1, 'ogg'],
  ['ogg', 'libvorbis', 44_100, 2, 'ogg'],
  ['ogg', 'flac', 16_000, 1, 'ogg'],
  ['flac', 'flac', 16_000, 1, 'flac'],
  ['mp3', 'libmp3lame', 44_100, 1, 'mp3'],
  ['adts', 'aac', 44_100, 2, 'aac'],
  ['aiff', 'pcm_s16be', 16_000, 1, 'aiff'],
] as const;

test('every format that can be read without going back comes out at its pitch, level and length', async (t) => {
  const media = open(t);
  for (const [container, codec, sampleRate, channels, kind] of FORMATS) {
    const what = `${container} ${codec} ${channels}`;
    const bytes = await makeRecording(path, { container, codec, sampleRate, channels, sound, seconds: 3 });
    const [pcm, ...others] = await hearAll(media, kind, bytes);
    assert.equal(others.length, 0);
    assert.ok(Math.abs(pcm!.length / 16 - 3000) < 80, `${what}: ${pcm!.length / 16} ms`);
    const middle = pcm!.subarray(RATE, 2 * RATE);
    assert.ok(Math.abs(amplitudeAt(500, middle, RATE) - 0.3 / channels) < 0.03, what);
  }
});

test('channels that are wanted apart stay apart', async (t) => {
  const bytes = await makeRecording(path, {
    ...{ container: 'ogg', codec: 'libopus', channels: 2, sound, seconds: 2 },
  });
  const heard = await hearAll(open(t), 'ogg', bytes, { apart: true });
  assert.equal(heard.length, 2);
  for (const [index, hz] of [500, 900].entries()) {
    const middle = heard[index]!.subarray(RATE / 2, RATE);
    assert.ok(amplitudeAt(hz, middle, RATE) > 0.25, `${hz}`);
    assert.ok(amplitudeAt(1400 - hz, middle, RATE) < 0.05, `${hz}`);
  }
});

test('sound comes out as soon as its bytes are there, and a mark says when all of them were used', async (t) => {
  const media = open(t);
  for (const [container, codec, kind] of [
    ['webm', 'libopus', 'matroska'],
    ['flac', 'flac', 'flac'],
  ] as const) {
    const bytes = await makeRecording(path, { container, codec, sampleRate: 48_000, sound, seconds: 3 });
    await hearStepwise(media.decodeLive({ container: kind, apart: false, caller: 'a' }), bytes);
  }
});

async function hearStepwise(decoding: LiveDecoding, bytes: Uint8Array): Promise<void> {
  const sounds = decoding[Symbol.asyncIterator]();
  let samples = 0;
  for (const piece of inPieces(bytes, Math.ceil(bytes.length / 20))) {
    decoding.push(piece);
    decoding.mark();
    for (;;) {
      const { value } = await sounds.next();
      samples += value.channels[0]?.length ?? 0;
      if (value.marked) break;
    }
    assert.equal(decoding.waitingBytes, 0);
  }
  // What is left is not even a whole packet.
  assert.ok(samples / 16 > 2900, `${samples / 16} ms`);
  decoding.end();
  for (let rest = await sounds.next(); !rest.done; rest = await sounds.next()) {
    assert.ok(rest.value.channels[0]!.length < 100, 'only what the filter held');
  }
}

test('what is not the promised container, is cut off in its header, or has no sound that we decode is refused', async (t) => {
  const media = open(t);
  const webm = await makeRecording(path, { container: 'webm', codec: 'libopus', sound, seconds: 1 });
  const film = await makeRecording(path, { container: 'webm', seconds: 0, picture: true });
  const other = await makeRecording(path, { container: 'matroska', codec: 'mp2', seconds: 1 });
  const random = randomOf(3);
  const rubbish = Buffer.from(Array.from({ length: 20_000 }, () => random(256)));
  for (const [what, container, bytes, code] of [
    ['rubbish', 'matroska', Buffer.concat([webm.subarray(0, 4), rubbish]), 'invalid_audio'],
    ['rubbish', 'ogg', Buffer.concat([Buffer.from('OggS'), rubbish]), 'invalid_audio'],
    ['rubbish', 'flac', Buffer.concat([Buffer.from('fLaC'), rubbish]), 'invalid_audio'],
    ['a header', 'matroska', webm.subarray(0, 60), 'invalid_audio'],
    ['nothing', 'ogg', new Uint8Array(0), 'invalid_audio'],
    ['a silent film', 'matroska', film, 'unsupported_audio'],
    ['another codec', 'matroska', other, 'unsupported_audio'],
    ['another container', 'ogg', webm, 'invalid_audio'],
  ] as const) {
    await assert.rejects(hearAll(media, container, bytes), { code }, `${what} as ${container}`);
  }
});

test('a stream that goes on for long without any sound is none', async (t) => {
  const media = open(t, { liveCompressedBytes: 16 * 2 ** 20 });
  for (const [container, signature] of [
    ['ogg', 'OggS'],
    ['flac', 'fLaC\0\0\0\x22'],
    ['matroska', '\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01'],
    ['mov', '\0\0\0\x18ftypisom'],
  ] as const) {
    const decoding = media.decodeLive({ container, apart: false, caller: 'a' });
    decoding.push(Buffer.concat([Buffer.from(signature, 'latin1'), Buffer.alloc(5 * 2 ** 20, 1)]));
    await assert.rejects(hear(decoding), { code: 'invalid_audio' }, container);
  }
});

test('the sound of a film is heard, its picture is not looked at', async (t) => {
  const film = await makeRecording(path, { container: 'webm', codec: 'libopus', sound, seconds: 2, picture: true });
  const [pcm] = await hearAll(open(t), 'matroska', film);
  assert.ok(Math.abs(pcm!.length / 16 - 2000) < 80);
});

test('a stream may end anywhere, and what came before is heard', async (t) => {
  const media = open(t);
  for (const [container, codec, sampleRate, channels, kind] of FORMATS) {
    const bytes = await makeRecording(path, { container, codec, sampleRate, channels, sound, seconds: 4 });
    const [pcm] = await hearAll(media, kind, bytes.subarray(0, Math.floor(bytes.length * 0.8)));
    assert.ok(pcm!.length / 16 > 1900 && pcm!.length / 16 < 4000, `${container} ${codec}: ${pcm!.length / 16} ms`);
  }
});

test('a stretch that is damaged or missing leaves the rest at its time', async (t) => {
  const media = open(t);
  const late = (seconds: number): number => (seconds > 6 ? 0.3 : 0.05) * Math.sin(2 * Math.PI * 500 * seconds);
  for (const [container, codec, kind] of [
    ['webm', 'libopus', 'matroska'],
    ['ogg', 'libopus', 'ogg'],
    ['flac', 'flac', 'flac'],
  ] as const) {
    const whole = await makeRecording(path, { container, codec, sound: late, seconds: 8 });
    const from = Math.floor(whole.length * 0.25);
    const to = Math.floor(whole.length * 0.4);
    const damaged = Buffer.from(whole);
    const random = randomOf(7);
    for (let at = from; at < to; at++) damaged[at] = random(256);
    for (const [what, bytes] of [
      ['damaged', damaged],
      ['missing', Buffer.concat([whole.subarray(0, from), whole.subarray(to)])],
    ] as const) {
      const [pcm] = await hearAll(media, kind, bytes);
      const begins = pcm!.findIndex((sample) => Math.abs(sample) > 0.1) / 16;
      assert.ok(Math.abs(begins - 6000) < 150, `${container} ${what}: ${begins} ms`);
    }
  }
});

test('whatever is done to a stream, it is sound or a typed error, and its process goes', async (t) => {
  const media = open(t);
  const random = randomOf(5);
  for (const [container, codec, sampleRate, channels, kind] of FORMATS) {
    const whole = await makeRecording(path, { container, codec, sampleRate, channels, sound, seconds: 2 });
    for (let run = 0; run < 2; run++) {
      const bytes = Buffer.from(whole);
      for (let hit = 0; hit < 40; hit++) bytes[random(bytes.length)] = random(256);
      await hearAll(media, kind, bytes, { pieceBytes: 1 + random(3000) }).catch((thrown) => {
        assert.ok(thrown instanceof SpeechError && thrown.code !== 'internal_error', String(thrown));
      });
    }
  }
  await until(() => media.pids().live.length === 0);
});

test('sound that nobody takes is not decoded further, and hours out of few bytes end at their bound', async (t) => {
  const hours = 4;
  const length = await writeSilentOpus(path, hours * 3_600_000);
  assert.ok(length < 2 ** 20);
  const bytes = await readFile(path);
  const decoding = open(t).decodeLive({ container: 'ogg', apart: false, caller: 'a' });
  decoding.push(bytes);
  const sounds = decoding[Symbol.asyncIterator]();
  let samples = (await sounds.next()).value.channels[0].length as number;
  const waiting = decoding.waitingBytes;
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(decoding.waitingBytes, waiting);
  assert.ok(waiting > length - 10_000, 'only what makes half a second was used');
  await assert.rejects(
    async () => {
      for (;;) samples += (await sounds.next()).value.channels[0].length;
    },
    { code: 'audio_too_long' },
  );
  const heardMs = samples / 16;
  assert.ok(heardMs >= LIMITS.liveAheadMs - 1000 && heardMs < 2 * LIMITS.liveAheadMs, `${heardMs}`);

  const within = await writeSilentOpus(path, LIMITS.liveAheadMs - 1000);
  const [pcm] = await hearAll(open(t), 'ogg', (await readFile(path)).subarray(0, within));
  assert.ok(pcm!.length / 16 > LIMITS.liveAheadMs - 1100);
});

test('as many bytes as permitted may wait, one more is refused', async (t) => {
  const decoding = open(t, { liveCompressedBytes: 65_536 }).decodeLive({ container: 'ogg', apart: false, caller: 'a' });
  decoding.push(new Uint8Array(65_536));
  assert.throws(() => decoding.push(new Uint8Array(1)), { code: 'overloaded' });
});

test('as many streams as permitted are decoded, half as many of one caller, and one that goes makes room', async (t) => {
  const media = open(t, { liveDecoders: 3 });
  const decode = (caller: string) => media.decodeLive({ container: 'ogg', apart: false, caller });
  const [first] = [decode('a'), decode('a')];
  assert.throws(() => decode('a'), { code: 'rate_limit_exceeded' });
  decode('b');
  assert.throws(() => decode('b'), { code: 'overloaded' });
  first.close();
  await until(() => media.pids().live.length === 2);
  decode('b');
  assert.throws(() => open(t, { liveDecoders: 0 }).decodeLive({ container: 'ogg', apart: false, caller: 'a' }), {
    code: 'overloaded',
  });
});

test('a decoder that dies is engine_failed, one that stands still deadline_exceeded; neither stays', async () => {
  const bounds = { memoryBytes: 2 ** 29, waitingBytes: 2 ** 20, aheadMs: 60_000, stallMs: 2000 };
  const bytes = await makeRecording(path, { container: 'ogg', codec: 'libopus', sound, seconds: 1 });
  for (const [signal, code] of [
    ['SIGKILL', 'engine_failed'],
    ['SIGSTOP', 'deadline_exceeded'],
  ] as const) {
    const decoder = new LiveDecoder({ container: 'ogg', apart: false, caller: 'a' }, bounds);
    const sounds = decoder[Symbol.asyncIterator]();
    decoder.push(bytes);
    await sounds.next();
    process.kill(decoder.pid!, signal);
    decoder.push(bytes);
    await assert.rejects(
      async () => {
        for (;;) await sounds.next();
      },
      { code },
    );
    await decoder.exited;
  }
});

test('leaving a stream ends its process at once, closing the codecs ends all', async (t) => {
  const media = open(t);
  const bytes = await makeRecording(path, { container: 'ogg', codec: 'libopus', sound, seconds: 3 });
  const left = media.decodeLive({ container: 'ogg', apart: false, caller: 'a' });
  left.push(bytes);
  for await (const _ of left) break;
  await until(() => media.pids().live.length === 0);
  const waiting = hear(media.decodeLive({ container: 'ogg', apart: false, caller: 'a' }));
  await media.close();
  assert.deepEqual(await waiting, []);
  assert.deepEqual(media.pids().live, []);
  assert.throws(() => media.decodeLive({ container: 'ogg', apart: false, caller: 'a' }), { code: 'shutting_down' });
});

test('Opus in no container is decoded too, a packet in each message', async (t) => {
  const av = await loadFfmpeg();
  for (const channels of [1, 2]) {
    const bytes = await makeRecording(path, { container: 'ogg', codec: 'libopus', channels, sound, seconds: 2 });
    const input = new av.FormatContext();
    assert.equal(input.openInputSync(path), 0);
    const packet = new av.Packet();
    packet.alloc();
    const decoding = open(t).decodeLive({ container: 'opus-packets', apart: true, caller: 'a' });
    let pushed = 0;
    while (input.readFrameSync(packet) >= 0) {
      decoding.push(Buffer.from(packet.data!));
      pushed += packet.size;
      packet.unref();
    }
    input.closeInputSync();
    assert.ok(pushed > bytes.length / 2);
    decoding.end();
    const heard = await hear(decoding);
    assert.equal(heard.length, channels);
    assert.ok(Math.abs(heard[0]!.length / 16 - 2000) < 80);
    for (const [index, pcm] of heard.entries()) {
      assert.ok(amplitudeAt(index === 0 ? 500 : 900, pcm.subarray(RATE / 2, RATE), RATE) > 0.25);
    }
  }
});
