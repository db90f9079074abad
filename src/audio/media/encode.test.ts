import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { after, before, test } from 'node:test';
import { SpeechError } from '../../errors.ts';
import { AUDIO_FORMATS, type AudioChunk, type AudioFormat } from '../contract.ts';
import { fromS16le } from '../pcm.ts';
import { amplitudeAt, collect, inChunks, join, tone } from '../testing.ts';
import { openMedia, type RunningMedia } from './media.ts';

const LIMITS = {
  ...{ mediaProcesses: 2, mediaMemoryBytes: 512 * 2 ** 20, mediaQueue: 10, encodedStreams: 30 },
  ...{ liveDecoders: 1, liveCompressedBytes: 2 ** 20, liveAheadMs: 60_000 },
};
const COMPRESSED = AUDIO_FORMATS.filter((format) => format !== 'wav' && format !== 'pcm');

let folder: string;
let media: RunningMedia;
before(async () => {
  folder = await mkdtemp(joinPath(tmpdir(), 'encode-'));
  media = openMedia({ limits: LIMITS, readable: [folder] });
});
after(async () => {
  await media.close();
  await rm(folder, { recursive: true });
});

function encode(
  chunks: AsyncIterable<AudioChunk>,
  format: AudioFormat,
  signal = new AbortController().signal,
): AsyncGenerator<Uint8Array> {
  return media.encode(chunks, { format, sampleRate: 24_000, signal }) as AsyncGenerator<Uint8Array>;
}

/** Decodes with our own decoder to 16 000 Hz. */
async function decode(bytes: Uint8Array): Promise<Float32Array> {
  const path = joinPath(folder, 'encoded');
  await writeFile(path, bytes);
  const options = { maxPieceMs: 28_000, maxAudioMs: 600_000, timeoutMs: 60_000, signal: new AbortController().signal };
  return join((await collect(media.decode(path, options))).map(({ pcm }) => pcm));
}

test('nothing is started before it is needed, and WAV and PCM need nothing', async () => {
  await collect(encode(inChunks(tone(440, 500, 22_050), 22_050), 'wav'));
  await collect(encode(inChunks(tone(440, 500, 22_050), 22_050), 'pcm'));
  assert.deepEqual(media.pids(), { decoders: [], encoders: [], live: [] });
});

test('every format carries the whole sound, at its pitch and level, without a gap', async () => {
  const pcm = tone(1000, 3000, 22_050);
  for (const format of AUDIO_FORMATS) {
    const bytes = Buffer.concat(await collect(encode(inChunks(pcm, 22_050, 170), format)));
    const heard = format === 'pcm' ? fromS16le(bytes) : await decode(bytes);
    const rate = format === 'pcm' ? 24_000 : 16_000;
    const ms = (heard.length * 1000) / rate;
    // MP3 and AAC begin with the codec's own delay and end with a filled frame.
    assert.ok(ms >= 2999 && ms < 3110, `${format}: ${ms} ms`);
    const lead = format === 'mp3' || format === 'aac' || format === 'm4a' ? 100 : 40;
    for (let at = lead; at + 100 < 2950; at += 50) {
      const level = amplitudeAt(1000, heard.subarray((at * rate) / 1000, ((at + 100) * rate) / 1000), rate);
      assert.ok(Math.abs(level - 0.25) < 0.03, `${format} at ${at} ms: ${level}`);
    }
  }
});

test('chunks of changing rates become one stream at the asked rate', async () => {
  async function* mixed(): AsyncGenerator<AudioChunk> {
    for (const rate of [16_000, 24_000, 22_050, 48_000]) yield { pcm: tone(500, 1000, rate), sampleRate: rate };
  }
  for (const format of ['pcm', 'flac'] as const) {
    const bytes = Buffer.concat(await collect(encode(mixed(), format)));
    const heard = format === 'pcm' ? fromS16le(bytes) : await decode(bytes);
    const rate = format === 'pcm' ? 24_000 : 16_000;
    assert.ok(Math.abs(heard.length - 4 * rate) <= 2, `${format}: ${heard.length}`);
    for (const second of [0, 1, 2, 3]) {
      const middle = heard.subarray((second + 0.25) * rate, (second + 0.75) * rate);
      assert.ok(Math.abs(amplitudeAt(500, middle, rate) - 0.25) < 0.01);
    }
  }
});

test('sound leaves long before the last of it has come, in every format', async () => {
  for (const format of AUDIO_FORMATS) {
    let fed = 0;
    async function* endless(): AsyncGenerator<AudioChunk> {
      for (; fed < 30; fed++)
        yield { pcm: tone(440, 1000, 24_000).map((s) => s + 0.05 * Math.random()), sampleRate: 24_000 };
    }
    let bytes = 0;
    for await (const part of encode(endless(), format)) {
      bytes += part.length;
      // More than any header.
      if (bytes > 2000) break;
    }
    assert.ok(fed <= 2, `${format}: ${fed} s were needed`);
  }
});

test('an empty stream is still a file of its format', async () => {
  async function* nothing(): AsyncGenerator<AudioChunk> {}
  const sizes = new Map<string, number>();
  for (const format of AUDIO_FORMATS) {
    sizes.set(format, Buffer.concat(await collect(encode(nothing(), format))).length);
  }
  assert.equal(sizes.get('wav'), 44);
  assert.equal(sizes.get('pcm'), 0);
  for (const format of ['opus', 'flac', 'm4a']) assert.ok(sizes.get(format)! > 0, format);
});

test('WAV has one header, for a length not known yet', async () => {
  const bytes = Buffer.concat(await collect(encode(inChunks(tone(440, 1000, 24_000), 24_000), 'wav')));
  assert.equal(bytes.length, 44 + 48_000);
  assert.equal(bytes.indexOf('RIFF', 4), -1);
  assert.equal(bytes.readUInt32LE(40), 0xffff_ffff);
});

test('Opus ends with a page marked as the last, whose position is the length of the sound', async () => {
  const bytes = Buffer.concat(await collect(encode(inChunks(tone(440, 1234, 24_000), 24_000), 'opus')));
  const pages = oggPages(bytes);
  assert.ok(pages.length > 5);
  assert.deepEqual(
    pages.map((page) => page.last),
    pages.map((_, i) => i === pages.length - 1),
  );
  const preSkip = bytes.readUInt16LE(bytes.indexOf('OpusHead') + 10);
  assert.equal(pages.at(-1)!.granule - preSkip, 1234 * 48);
});

test('MP3 and ADTS are whole frames from the first byte to the last', async () => {
  const pcm = tone(440, 2000, 24_000);
  const mp3 = Buffer.concat(await collect(encode(inChunks(pcm, 24_000), 'mp3')));
  // MPEG-2 Layer III, 128 kbit/s, 24 000 Hz: 384 bytes each.
  assert.equal(mp3.length % 384, 0);
  for (let at = 0; at < mp3.length; at += 384) assert.equal(mp3.readUInt16BE(at) & 0xfffe, 0xfff2);
  assert.equal(mp3.includes('Xing'), false);

  const aac = Buffer.concat(await collect(encode(inChunks(pcm, 24_000), 'aac')));
  let at = 0;
  while (at < aac.length) {
    assert.equal(aac.readUInt16BE(at) & 0xfff6, 0xfff0);
    at += (aac.readUInt32BE(at + 3) >> 13) & 0x1fff;
  }
  assert.equal(at, aac.length);
});

test('M4A is a header and fragments, the last one included', async () => {
  const bytes = Buffer.concat(await collect(encode(inChunks(tone(440, 2000, 24_000), 24_000), 'm4a')));
  const boxes: string[] = [];
  for (let at = 0; at < bytes.length; at += bytes.readUInt32BE(at))
    boxes.push(bytes.toString('latin1', at + 4, at + 8));
  assert.deepEqual(boxes.slice(0, 4), ['ftyp', 'moov', 'moof', 'mdat']);
  assert.ok(boxes.filter((box) => box === 'moof').length >= 6);
});

test('nobody works ahead of a reader that does not read', async () => {
  for (const format of ['mp3', 'pcm'] as const) {
    let fed = 0;
    async function* source(): AsyncGenerator<AudioChunk> {
      for (; ; fed++) yield { pcm: tone(440, 1000, 24_000), sampleRate: 24_000 };
    }
    const stream = encode(source(), format);
    await stream.next();
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.ok(fed <= 1, `${format}: ${fed}`);
    await stream.return(undefined);
  }
});

test('a reader that leaves and a caller that aborts both stop the source', async () => {
  for (const format of ['mp3', 'wav'] as const) {
    for (const leave of ['return', 'abort'] as const) {
      const controller = new AbortController();
      let stopped = false;
      async function* source(): AsyncGenerator<AudioChunk> {
        try {
          yield { pcm: tone(440, 1000, 24_000), sampleRate: 24_000 };
          await once(controller.signal, 'abort');
        } finally {
          stopped = true;
        }
      }
      const stream = encode(source(), format, controller.signal);
      await stream.next();
      if (leave === 'return') {
        await stream.return(undefined);
      } else {
        const rest = collect(stream);
        setTimeout(() => controller.abort(), 20);
        await assert.rejects(rest, { code: 'cancelled' });
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.equal(stopped, true, `${format} ${leave}`);
    }
  }
});

test('the error that ends the source ends the stream', async () => {
  async function* failing(): AsyncGenerator<AudioChunk> {
    yield { pcm: tone(440, 1000, 24_000), sampleRate: 24_000 };
    throw new SpeechError('engine_failed', 'The voice broke.');
  }
  for (const format of ['opus', 'wav'] as const) {
    await assert.rejects(collect(encode(failing(), format)), { code: 'engine_failed', message: 'The voice broke.' });
  }
});

test('many streams at once do not mix', async () => {
  const streams = Array.from({ length: 20 }, (_, i) => ({
    format: COMPRESSED[i % COMPRESSED.length]!,
    hz: 300 + i * 50,
  }));
  const files = await Promise.all(
    streams.map(({ format, hz }) => collect(encode(inChunks(tone(hz, 1000, 24_000), 24_000), format))),
  );
  assert.equal(media.pids().encoders.length, 1);
  for (const [i, { format, hz }] of streams.entries()) {
    const heard = await decode(Buffer.concat(files[i]!));
    assert.ok(Math.abs(amplitudeAt(hz, heard.subarray(4000, 14_000), 16_000) - 0.25) < 0.03, `${format} ${hz}`);
  }
});

test('an encoder that is killed costs the streams it had; the next one is served by another', async () => {
  const stream = encode(inChunks(tone(440, 60_000, 24_000), 24_000), 'mp3');
  await stream.next();
  const [pid] = media.pids().encoders;
  process.kill(pid!, 'SIGKILL');
  await assert.rejects(collect(stream), { code: 'engine_failed', message: /encoder/ });
  const bytes = Buffer.concat(await collect(encode(inChunks(tone(440, 1000, 24_000), 24_000), 'mp3')));
  assert.ok(bytes.length > 16_000);
  assert.notDeepEqual(media.pids().encoders, [pid]);
});

test('more streams than allowed are refused, and their sources told', async () => {
  const small = openMedia({ limits: { ...LIMITS, encodedStreams: 1 }, readable: [] });
  const signal = new AbortController().signal;
  let stopped = false;
  const source: AsyncIterableIterator<AudioChunk> = {
    next: async () => ({ done: false, value: { pcm: new Float32Array(2400), sampleRate: 24_000 } }),
    return: async () => {
      stopped = true;
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => source,
  };
  const options = { format: 'mp3', sampleRate: 24_000, signal } as const;
  const first = small.encode(inChunks(tone(440, 9000, 24_000), 24_000), options)[Symbol.asyncIterator]();
  await first.next();
  await assert.rejects(collect(small.encode(source, options)), { code: 'overloaded' });
  assert.equal(stopped, true);
  await first.return!();
  await collect(small.encode(inChunks(tone(440, 100, 24_000), 24_000), options));
  await small.close();
});

test('closing ends running streams with shutting_down', async () => {
  const closing = openMedia({ limits: LIMITS, readable: [] });
  const options = { format: 'mp3', sampleRate: 24_000, signal: new AbortController().signal } as const;
  const stream = closing.encode(inChunks(tone(440, 60_000, 24_000), 24_000), options)[Symbol.asyncIterator]();
  await stream.next();
  await closing.close();
  const rest = async (): Promise<void> => {
    while (!(await stream.next()).done);
  };
  await assert.rejects(rest(), { code: 'shutting_down' });
  assert.deepEqual(closing.pids(), { decoders: [], encoders: [], live: [] });
});

function oggPages(bytes: Buffer): { granule: number; last: boolean }[] {
  const pages = [];
  for (let at = 0; at < bytes.length; ) {
    assert.equal(bytes.toString('latin1', at, at + 4), 'OggS');
    const segments = bytes[at + 26]!;
    const size = bytes.subarray(at + 27, at + 27 + segments).reduce((sum, length) => sum + length, 0);
    pages.push({ granule: Number(bytes.readBigInt64LE(at + 6)), last: (bytes[at + 5]! & 4) !== 0 });
    at += 27 + segments + size;
  }
  return pages;
}
