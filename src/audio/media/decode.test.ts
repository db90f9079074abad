import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { needsData, sharedData } from '../../../test/support/needs.ts';
import { SpeechError } from '../../errors.ts';
import type { DecodeOptions, RecordingPiece } from '../contract.ts';
import { toS16le } from '../pcm.ts';
import { amplitudeAt, collect, join, tone } from '../testing.ts';
import { wavHeader } from '../wav.ts';
import { makeRecording, writeSilentOpus } from './make-recording.ts';
import { openMedia, type RunningMedia } from './media.ts';

const LIMITS = {
  ...{ mediaProcesses: 1, mediaMemoryBytes: 512 * 2 ** 20, mediaQueue: 1, encodedStreams: 1 },
  ...{ liveDecoders: 1, liveCompressedBytes: 2 ** 20, liveAheadMs: 60_000 },
};

let folder: string;
let media: RunningMedia;
before(async () => {
  folder = await mkdtemp(joinPath(tmpdir(), 'decode-'));
  media = openMedia({ limits: LIMITS, readable: [folder, sharedData] });
});
after(async () => {
  await media.close();
  await rm(folder, { recursive: true });
});

function decode(path: string, options: Partial<DecodeOptions> = {}): AsyncGenerator<RecordingPiece> {
  const signal = new AbortController().signal;
  const defaults = { maxPieceMs: 28_000, maxAudioMs: 600_000, timeoutMs: 60_000, signal };
  return media.decode(resolve(folder, path), { ...defaults, ...options }) as AsyncGenerator<RecordingPiece>;
}

async function decodeAll(path: string): Promise<Float32Array> {
  return join((await collect(decode(path))).map(({ pcm }) => pcm));
}

async function write(name: string, bytes: Uint8Array): Promise<string> {
  await writeFile(joinPath(folder, name), bytes);
  return name;
}

const path = (name: string): string => joinPath(folder, name);

/** A WAV of a tone, long enough that decoding it is not over in a blink. */
function wav(seconds: number, stated = seconds * 16_000): Buffer {
  return Buffer.concat([wavHeader(16_000, stated), toS16le(tone(440, seconds * 1000, 16_000))]);
}

test('every format that people have is read at its pitch and level, channels mixed', async () => {
  const sound = (seconds: number, channel: number): number =>
    0.3 * Math.sin(2 * Math.PI * (channel === 0 ? 500 : 900) * seconds);
  for (const [container, codec, sampleRate, channels] of [
    ['wav', 'pcm_s16le', 44_100, 2],
    ['wav', 'pcm_mulaw', 8000, 1],
    ['mp3', 'libmp3lame', 44_100, 2],
    ['flac', 'flac', 48_000, 2],
    ['ogg', 'libopus', 48_000, 1],
    ['ogg', 'libvorbis', 44_100, 2],
    ['ogg', 'flac', 16_000, 1],
    ['adts', 'aac', 22_050, 1],
    ['ipod', 'aac', 44_100, 2],
    ['mp4', 'alac', 44_100, 1],
    ['mp4', 'libmp3lame', 24_000, 1],
    ['mp4', 'libopus', 48_000, 1],
    ['mov', 'pcm_s16le', 48_000, 2],
    ['webm', 'libopus', 48_000, 1],
    ['matroska', 'libvorbis', 48_000, 2],
    ['aiff', 'pcm_s16be', 11_025, 1],
  ] as const) {
    const what = `${container} ${codec}`;
    await makeRecording(path('r'), { container, codec, sampleRate, channels, sound, seconds: 3 });
    const pcm = await decodeAll('r');
    assert.ok(Math.abs(pcm.length / 16 - 3000) < 80, `${what}: ${pcm.length / 16} ms`);
    const middle = pcm.subarray(16_000, 32_000);
    const expected = 0.3 / channels;
    assert.ok(Math.abs(amplitudeAt(500, middle, 16_000) - expected) < 0.03, what);
    if (channels === 2) assert.ok(Math.abs(amplitudeAt(900, middle, 16_000) - expected) < 0.03, what);
  }
});

test('the sound of a film is read, its picture is not; a film without sound is unsupported', async () => {
  for (const [container, codec] of [
    ['mp4', 'aac'],
    ['webm', 'libopus'],
  ] as const) {
    await makeRecording(path('film'), { container, codec, seconds: 2, picture: true });
    assert.ok(Math.abs((await decodeAll('film')).length / 16 - 2000) < 80);
    await makeRecording(path('silent-film'), { container, seconds: 0, picture: true });
    await assert.rejects(decodeAll('silent-film'), { code: 'unsupported_audio', message: /no sound track/ });
  }
});

test('what is no recording in a supported format is unsupported, whatever its name', async () => {
  const mp3 = await makeRecording(path('m'), { container: 'mp3', codec: 'libmp3lame', seconds: 1 });
  const cases: [string, Uint8Array][] = [
    ['page.wav', Buffer.from('<!doctype html><html><body>404</body></html>')],
    ['noise.mp3', Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * i * 7919) >> 3))],
    ['archive-first.mp3', Buffer.concat([Buffer.from('PK\x03\x04\x14\0\0\0\0\0', 'latin1'), mp3])],
    ['page-first.mp3', Buffer.concat([Buffer.from('<html>'), mp3])],
    ['playlist.wav', Buffer.from('#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n')],
    ['list.wav', Buffer.from('ffconcat version 1.0\nfile /etc/passwd\n')],
    ['picture.m4a', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')],
    ['dash.mp4', Buffer.from('<?xml version="1.0"?><MPD><BaseURL>http://127.0.0.1/</BaseURL></MPD>')],
  ];
  for (const [name, bytes] of cases) {
    await write(name, bytes);
    await assert.rejects(decodeAll(name), { code: 'unsupported_audio' }, name);
  }
  await makeRecording(path('other-codec'), { container: 'matroska', codec: 'mp2', seconds: 1 });
  await assert.rejects(decodeAll('other-codec'), { code: 'unsupported_audio', message: /codec/ });
});

test('a name that lies about a good recording does no harm', async () => {
  await makeRecording(path('song.html'), { container: 'ogg', codec: 'libopus', seconds: 1 });
  assert.ok(Math.abs((await decodeAll('song.html')).length - 16_000) < 400);
});

test('empty and torn files are invalid, with a reason', async () => {
  const good = wav(3);
  const cases: [string, Uint8Array, RegExp][] = [
    ['empty', new Uint8Array(0), /empty/],
    ['header-only', good.subarray(0, 44).fill(0, 40), /no audio/],
    ['half-a-header', good.subarray(0, 20), /header/],
    ['torn', wav(3).subarray(0, 50_000), /shorter than its header says/],
    ['boasting', wav(1, 3_000_000), /shorter than its header says/],
  ];
  for (const [name, bytes, message] of cases) {
    await write(name, bytes);
    await assert.rejects(decodeAll(name), { code: 'invalid_audio', message }, name);
  }
  for (const [offset, value] of [
    [22, 0],
    [22, 65_535],
    [24, 0],
    [32, 7],
  ] as const) {
    const lying = wav(1);
    lying.writeUInt16LE(value, offset);
    await write('lying', lying);
    await assert.rejects(decodeAll('lying'), { code: 'invalid_audio' }, `${value} at ${offset}`);
  }
});

test('a compressed recording that is cut off or scrambled is invalid', async () => {
  const sound = (seconds: number): number => 0.3 * Math.sin(seconds * 3000) * Math.sin(seconds * 2);
  for (const [container, codec] of [
    ['mp3', 'libmp3lame'],
    ['flac', 'flac'],
    ['ipod', 'aac'],
    ['aiff', 'pcm_s16be'],
  ] as const) {
    const whole = await makeRecording(path('whole'), { container, codec, sound, seconds: 4 });
    await write('cut', whole.subarray(0, whole.length >> 1));
    await assert.rejects(decodeAll('cut'), { code: 'invalid_audio' }, `${container} cut in half`);
    await write('cut', whole.subarray(0, 64));
    await assert.rejects(decodeAll('cut'), SpeechError, `${container} cut at the start`);
  }
  for (const [container, codec] of [
    ['flac', 'flac'],
    ['ogg', 'libopus'],
    ['matroska', 'libvorbis'],
    ['mp4', 'aac'],
  ] as const) {
    const bytes = await makeRecording(path('whole'), { container, codec, sound, seconds: 2 });
    for (let at = 64; at < bytes.length; at++) bytes[at] = (bytes[at]! * 31 + at * 17) & 0xff;
    await write('scrambled', bytes);
    await assert.rejects(decodeAll('scrambled'), SpeechError, container);
  }
});

test('a day of silence in three megabytes ends at once where it says so, and at the limit where it lies', async () => {
  const day = 24 * 3_600_000;
  assert.ok((await writeSilentOpus(path('day'), day)) < 3_100_000);
  const pieces: RecordingPiece[] = [];
  const read = async (name: string): Promise<void> => {
    for await (const piece of decode(name)) pieces.push(piece);
  };
  await assert.rejects(read('day'), { code: 'audio_too_long' });
  assert.equal(pieces.length, 0);

  await writeSilentOpus(path('lying-day'), day, 5000);
  await assert.rejects(read('lying-day'), { code: 'audio_too_long' });
  assert.ok(pieces.length > 0 && pieces.at(-1)!.endMs <= 600_000);
  assert.ok(pieces.every(({ speech }) => !speech));
});

test('the limit on length is the decoded length, to the millisecond', async () => {
  await write('three', wav(3));
  assert.equal((await collect(decode('three', { maxAudioMs: 3000 }))).at(-1)!.endMs, 3000);
  await assert.rejects(collect(decode('three', { maxAudioMs: 2999 })), { code: 'audio_too_long' });
});

test('real speech comes in pieces that end at its pauses', { skip: needsData('silero-vad') }, async () => {
  const pieces = await collect(decode(resolve(sharedData, 'silero-vad/test.wav'), { maxPieceMs: 10_000 }));
  assert.ok(pieces.length >= 6);
  assert.equal(pieces.at(-1)!.endMs, 60_000);
  for (const piece of pieces) {
    assert.ok(piece.speech && piece.endMs - piece.startMs <= 10_000);
    if (piece.endMs === 60_000) continue;
    assert.ok(power(piece.pcm.subarray(-480)) < power(piece.pcm) / 100, `cut at ${piece.endMs}`);
  }
  const compressed = await collect(decode(resolve(sharedData, 'silero-vad/test.opus')));
  assert.equal(compressed.length, 1);
  assert.equal(compressed[0]!.speech, true);
});

test('pieces come while the rest is still being decoded', async () => {
  await write('long', wav(300));
  const pieces = decode('long', { maxPieceMs: 2000 });
  const first = await pieces.next();
  assert.equal(first.value?.startMs, 0);
  const [pid] = media.pids().decoders;
  await pieces.return(undefined);
  assert.equal((await collect(decode('long', { maxPieceMs: 28_000 }))).at(-1)!.endMs, 300_000);
  assert.deepEqual(media.pids().decoders, [pid], 'the one that was left half-way served the next');
});

test('a decoder killed midway costs that recording only', async () => {
  await write('long', wav(300));
  const pieces = decode('long', { maxPieceMs: 2000 });
  await pieces.next();
  const [pid] = media.pids().decoders;
  process.kill(pid!, 'SIGKILL');
  await assert.rejects(collect(pieces), { code: 'engine_failed' });
  await write('short', wav(1));
  assert.equal((await decodeAll('short')).length, 16_000);
  assert.notDeepEqual(media.pids().decoders, [pid]);
});

test('a decoder that hangs is ended at the time limit', async () => {
  await write('short', wav(1));
  await decodeAll('short');
  process.kill(media.pids().decoders[0]!, 'SIGSTOP');
  await assert.rejects(collect(decode('short', { timeoutMs: 200 })), { code: 'deadline_exceeded' });
  assert.equal((await decodeAll('short')).length, 16_000);
});

test('a decoder is replaced before it grows old', async () => {
  await write('blip', wav(0.1));
  await decodeAll('blip');
  const pids = media.pids().decoders;
  for (let i = 0; i < 50; i++) assert.equal((await decodeAll('blip')).length, 1600);
  assert.notDeepEqual(media.pids().decoders, pids);
});

test('aborting ends a recording at once and leaves its decoder to others', async () => {
  await write('long', wav(300));
  await write('short', wav(1));
  await decodeAll('short');
  const pids = media.pids().decoders;
  const controller = new AbortController();
  const pieces = decode('long', { maxPieceMs: 2000, signal: controller.signal });
  await pieces.next();
  controller.abort(new SpeechError('request_timeout', 'Too slow.'));
  await assert.rejects(collect(pieces), { code: 'request_timeout' });
  assert.equal((await decodeAll('short')).length, 16_000);
  assert.deepEqual(media.pids().decoders, pids);
  await assert.rejects(collect(decode('short', { signal: AbortSignal.abort() })), { code: 'cancelled' });
});

test('a short recording frees its decoder before anyone has read it', async () => {
  await write('short', wav(10));
  const unread = decode('short', { maxPieceMs: 5000 });
  await unread.next();
  assert.equal((await decodeAll('short')).length, 160_000);
  assert.equal((await collect(unread)).at(-1)!.endMs, 10_000);
});

test('while all decoders are busy the next waits, one more is refused, and waiting can be aborted', async () => {
  await write('long', wav(300));
  await write('short', wav(1));
  const busy = decode('long', { maxPieceMs: 2000 });
  await busy.next();
  const controller = new AbortController();
  const waiting = collect(decode('short', { signal: controller.signal }));
  await assert.rejects(decodeAll('short'), { code: 'overloaded' });
  controller.abort();
  await assert.rejects(waiting, { code: 'cancelled' });
  const next = decodeAll('short');
  await busy.return(undefined);
  assert.equal((await next).length, 16_000);
});

test('without a queue a recording is still decoded while a process may start for it', async (t) => {
  const unqueued = openMedia({ limits: { ...LIMITS, mediaQueue: 0 }, readable: [folder] });
  t.after(() => unqueued.close());
  const signal = new AbortController().signal;
  const limits = { maxPieceMs: 28_000, maxAudioMs: 600_000, timeoutMs: 60_000, signal };
  const [piece] = await collect(unqueued.decode(path(await write('one', wav(1))), limits));
  assert.equal(piece!.pcm.length, 16_000);
});

test('a decoder reads nothing but the folders it was given', async () => {
  const secret = await mkdtemp(joinPath(tmpdir(), 'elsewhere-'));
  await writeFile(joinPath(secret, 'a.wav'), wav(1));
  await assert.rejects(decodeAll(joinPath(secret, 'a.wav')), { code: 'internal_error' });
  await rm(secret, { recursive: true });
});

test('closing ends recordings and waiting callers with shutting_down, and every process', async () => {
  const closing = openMedia({ limits: LIMITS, readable: [folder] });
  await write('long', wav(300));
  const signal = new AbortController().signal;
  const options = { maxPieceMs: 2000, maxAudioMs: 600_000, timeoutMs: 60_000, signal };
  const running = closing.decode(path('long'), options)[Symbol.asyncIterator]();
  await running.next();
  const waiting = assert.rejects(collect(closing.decode(path('long'), options)), { code: 'shutting_down' });
  await new Promise((resolve) => setImmediate(resolve));
  await closing.close();
  await waiting;
  const rest = async (): Promise<void> => {
    while (!(await running.next()).done);
  };
  await assert.rejects(rest(), { code: 'shutting_down' });
  assert.deepEqual(closing.pids(), { decoders: [], encoders: [], live: [] });
});

function power(pcm: Float32Array): number {
  return pcm.reduce((sum, sample) => sum + sample * sample, 0) / pcm.length;
}
