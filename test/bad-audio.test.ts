/** Recordings of every kind: honest ones say the same in any format, all others get a clear error. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { AUDIO_FORMATS } from '../src/audio/contract.ts';
import { makeRecording, writeSilentOpus } from '../src/audio/media/make-recording.ts';
import type { ErrorCode } from '../src/errors.ts';
import { assertError, assertUnharmed } from './support/answers.ts';
import { bytesOf, say, textOf, transcribe } from './support/client.ts';
import { startServer, type TestServer } from './support/server.ts';
import { riffChunk, samplesOf, wavFile } from './support/wav.ts';

const TEXT = 'the same words in every format.';
const MAX_AUDIO_S = 600;

let server: TestServer;
let folder: string;
/** What the server spoke, by format. */
const spoken = new Map<string, Buffer>();
/** The same at 24 000 Hz. */
let samples: Float32Array;

before(async () => {
  server = await startServer({
    tones: true,
    env: { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear', STT_MAX_AUDIO_S: String(MAX_AUDIO_S) },
  });
  folder = mkdtempSync(join(tmpdir(), 'open-speech-audio-'));
  for (const format of AUDIO_FORMATS) {
    spoken.set(format, await bytesOf(await say(server, { input: TEXT, response_format: format })));
  }
  samples = samplesOf(spoken.get('pcm')!);
});
after(async () => {
  await assertUnharmed(server);
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const hear = (audio: Uint8Array, name?: string, type?: string) =>
  transcribe(server, audio, {}, { ...(name && { name }), ...(type && { type }) });

async function assertRefused(audio: Uint8Array, ...codes: ErrorCode[]): Promise<void> {
  const answer = await hear(audio, 'speech.wav', 'audio/wav');
  const copy = (await answer.clone().json()) as { error?: { code: ErrorCode } };
  const code = copy.error?.code;
  assert.ok(code !== undefined && codes.includes(code), JSON.stringify(copy));
  await assertError(answer, { status: 400, code, param: 'file' });
}

/** The recording at another rate: every nth sample, or each one n times. */
function atRate(sampleRate: number): Float32Array {
  const length = Math.floor((samples.length * sampleRate) / 24_000);
  return Float32Array.from({ length }, (_, i) => samples[Math.floor((i * 24_000) / sampleRate)]!);
}

describe('honest recordings', () => {
  test('every format that the server writes is read back, word for word', async () => {
    for (const format of AUDIO_FORMATS) {
      if (format === 'pcm') continue;
      assert.equal(await textOf(await hear(spoken.get(format)!, `speech.${format}`)), TEXT, format);
    }
  });

  test('the content counts, not the name and not the type', async () => {
    for (const [format, name, type] of [
      ['mp3', 'speech.wav', 'audio/wav'],
      ['wav', 'speech.mp3', 'audio/mpeg'],
      ['opus', 'speech.txt', 'text/plain'],
      ['flac', 'speech', 'video/mp4'],
      ['m4a', 'speech.ogg', 'audio/ogg'],
      ['aac', 'index.html', 'text/html'],
    ] as const) {
      assert.equal(await textOf(await hear(spoken.get(format)!, name, type)), TEXT, format);
    }
  });

  for (const [what, fields] of [
    ['8 bit', { bits: 8 }],
    ['16 bit', {}],
    ['24 bit', { bits: 24 }],
    ['32 bit', { bits: 32 }],
    ['32-bit float', { codec: 3, bits: 32 }],
    ['64-bit float', { codec: 3, bits: 64 }],
    ['A-law', { codec: 6, bits: 8 }],
    ['µ-law', { codec: 7, bits: 8 }],
    ['stereo', { channels: 2 }],
    ['24 bit with six channels', { bits: 24, channels: 6 }],
    ['float stereo', { codec: 3, bits: 32, channels: 2 }],
  ] as const) {
    test(`WAV, ${what}, says the same`, async () => {
      assert.equal(await textOf(await hear(wavFile(samples, fields))), TEXT);
    });
  }

  test('WAV of every rate from 8 to 192 kHz says the same, beyond that it is refused', async () => {
    for (const sampleRate of [8000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000]) {
      assert.equal(await textOf(await hear(wavFile(atRate(sampleRate), { sampleRate }))), TEXT, `${sampleRate} Hz`);
    }
    for (const sampleRate of [1, 7999, 192_001, 0xffff_ffff]) {
      await assertRefused(wavFile(samples, { sampleRate }), 'unsupported_audio');
    }
  });

  test('formats that only others write are read too', async () => {
    const sound = (seconds: number) => samples[Math.floor(seconds * 24_000)] ?? 0;
    const seconds = samples.length / 24_000;
    for (const [container, codec, picture] of [
      ['webm', 'libopus', false],
      ['webm', 'libopus', true],
      ['matroska', 'flac', false],
      ['mp4', 'aac', true],
      ['ogg', 'libvorbis', false],
      ['aiff', 'pcm_s16be', false],
    ] as const) {
      const path = join(folder, `recording.${container}`);
      const channels = codec === 'libvorbis' ? 2 : 1;
      const audio = await makeRecording(path, { container, codec, sound, seconds, picture, channels });
      assert.equal(await textOf(await hear(audio)), TEXT, `${codec} in ${container}`);
    }
  });
});

describe('files that are no recording', () => {
  const zip = () => {
    const name = 'word/document.xml';
    const head = Buffer.alloc(30);
    head.write('PK\x03\x04', 0, 'latin1');
    head.writeUInt16LE(name.length, 26);
    return Buffer.concat([head, Buffer.from(name), Buffer.alloc(500, 'x')]);
  };
  const files: [string, () => Uint8Array, ErrorCode][] = [
    ['nothing', () => Buffer.alloc(0), 'invalid_audio'],
    ['one byte', () => Buffer.from('R'), 'unsupported_audio'],
    ['zeros', () => Buffer.alloc(100_000), 'unsupported_audio'],
    ['noise', () => Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * i * 7919) % 251)), 'unsupported_audio'],
    [
      'a web page called .wav',
      () => Buffer.from('<!doctype html><html><body>RIFF WAVE</body></html>'),
      'unsupported_audio',
    ],
    ['an archive', zip, 'unsupported_audio'],
    ['an archive with a recording behind it', () => Buffer.concat([zip(), spoken.get('wav')!]), 'unsupported_audio'],
    ['a playlist', () => Buffer.from('#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n'), 'unsupported_audio'],
    ['a concat script', () => Buffer.from("ffconcat version 1.0\nfile '/etc/passwd'\n"), 'unsupported_audio'],
    [
      'a description of a session',
      () => Buffer.from('v=0\no=- 0 0 IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n'),
      'unsupported_audio',
    ],
    ['an image', () => Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), 'unsupported_audio'],
    ['raw PCM', () => spoken.get('pcm')!, 'unsupported_audio'],
  ];
  for (const [what, content, code] of files) {
    test(`${what}: ${code}`, () => assertRefused(content(), code));
  }

  test('a recording with an archive behind it is heard, and the archive is not looked at', async () => {
    assert.equal(await textOf(await hear(Buffer.concat([spoken.get('wav')!, zip()]))), TEXT);
  });

  test('a video without sound, and a file whose sound is in no allowed codec', async () => {
    const path = join(folder, 'silent.mp4');
    await assertRefused(
      await makeRecording(path, { container: 'mp4', picture: true, seconds: 1 }),
      'unsupported_audio',
    );
    const webm = await makeRecording(join(folder, 's.webm'), { container: 'webm', picture: true, seconds: 1 });
    await assertRefused(webm, 'unsupported_audio');
  });
});

describe('recordings that are cut off', () => {
  for (const format of ['mp3', 'opus', 'aac', 'flac', 'm4a', 'wav'] as const) {
    test(`${format}: at any place it is heard as far as it goes, or refused, and harms nothing`, async () => {
      const whole = spoken.get(format)!;
      for (const part of [0.999, 0.9, 0.5, 0.1, 0.01]) {
        const answer = await hear(whole.subarray(0, Math.floor(whole.length * part)));
        if (answer.status === 200) {
          const text = await textOf(answer);
          assert.ok(text === '' || TEXT.startsWith(text.slice(0, -1)), `${part}: ${text}`);
        } else {
          const { error } = (await answer.clone().json()) as { error: { code: ErrorCode } };
          assert.ok(error.code === 'invalid_audio' || error.code === 'unsupported_audio', error.code);
          await assertError(answer, { status: 400, code: error.code, param: 'file' });
        }
      }
      await assertUnharmed(server);
    });
  }

  test('with holes and wrong bytes inside, too', async () => {
    for (const format of ['mp3', 'opus', 'aac', 'flac', 'm4a'] as const) {
      const damaged = Buffer.from(spoken.get(format)!);
      for (let at = 200; at < damaged.length; at += 997) damaged[at] = damaged[at]! ^ 0xff;
      for (const audio of [damaged, damaged.fill(0, 500, 2000)]) {
        const answer = await hear(audio);
        assert.ok(answer.status === 200 || answer.status === 400, `${format}: ${answer.status}`);
        await answer.body?.cancel();
      }
    }
    await assertUnharmed(server);
  });
});

describe('a WAV whose header lies', () => {
  const format = (bytes: number) => riffChunk('fmt ', Buffer.alloc(bytes));
  const lies: [string, () => Buffer, ErrorCode][] = [
    ['more data than there is', () => wavFile(samples, { dataSize: samples.length * 2 + 1000 }), 'invalid_audio'],
    ['two gigabytes of data', () => wavFile(samples, { dataSize: 0x7ffe_ffff }), 'invalid_audio'],
    ['no channel', () => wavFile(samples, { format: wavFile([], { channels: 0 }).subarray(12, 36) }), 'invalid_audio'],
    [
      '65 channels',
      () => wavFile(samples, { format: wavFile([], { channels: 65 }).subarray(12, 36) }),
      'invalid_audio',
    ],
    [
      '65 535 channels',
      () => wavFile(samples, { format: wavFile([], { channels: 65_535 }).subarray(12, 36) }),
      'invalid_audio',
    ],
    ['a rate of 0', () => wavFile(samples, { sampleRate: 0 }), 'invalid_audio'],
    ['frames of 0 bytes', () => wavFile(samples, { frameBytes: 0 }), 'invalid_audio'],
    ['frames of 3 bytes', () => wavFile(samples, { frameBytes: 3 }), 'invalid_audio'],
    [
      'samples of 0 bits',
      () => wavFile(samples, { format: wavFile([], { bits: 0 }).subarray(12, 36) }),
      'unsupported_audio',
    ],
    [
      'samples of 12 bits',
      () => wavFile(samples, { format: wavFile([], { bits: 12 }).subarray(12, 36) }),
      'unsupported_audio',
    ],
    ['MP3 inside', () => wavFile(samples, { codec: 0x55 }), 'unsupported_audio'],
    ['an unknown codec', () => wavFile(samples, { codec: 0x1234 }), 'unsupported_audio'],
    ['an extensible format without its extension', () => wavFile(samples, { codec: 0xfffe }), 'invalid_audio'],
    ['no format', () => wavFile(samples, { format: Buffer.alloc(0) }), 'invalid_audio'],
    ['a format of 4 bytes', () => wavFile(samples, { format: format(4) }), 'invalid_audio'],
    ['a format of zeros', () => wavFile(samples, { format: format(16) }), 'invalid_audio'],
    ['two formats', () => wavFile(samples, { between: wavFile([]).subarray(12, 36) }), 'invalid_audio'],
    [
      'a chunk larger than the file',
      () => wavFile(samples, { between: riffChunk('LIST', Buffer.alloc(0), 0xffff_ff00) }),
      'invalid_audio',
    ],
    ['no data', () => wavFile(samples).subarray(0, 36), 'invalid_audio'],
    ['half a header', () => wavFile(samples).subarray(0, 20), 'invalid_audio'],
  ];
  for (const [what, content, code] of lies) {
    test(`${what}: ${code}`, () => assertRefused(content(), code));
  }

  test('lies that change nothing are let pass: the size of the file, an open end, chunks in between', async () => {
    for (const lie of [
      { riffSize: 0 },
      { riffSize: 0xffff_ffff },
      { dataSize: 0 },
      { dataSize: 0xffff_ffff },
      { between: riffChunk('LIST', Buffer.alloc(1001)) },
    ]) {
      assert.equal(await textOf(await hear(wavFile(samples, lie))), TEXT, JSON.stringify(lie));
    }
  });

  test('less data than there is ends the recording there', async () => {
    const half = await textOf(await hear(wavFile(samples, { dataSize: samples.length & ~1 })));
    assert.ok(half.length > 5 && half.length < TEXT.length && TEXT.startsWith(half.slice(0, -1)), half);
  });
});

describe('length', () => {
  test('24 hours of silence in a small file are refused, whatever length it states', async () => {
    const day = 86_400_000;
    for (const statedMs of [day, 1000]) {
      const path = join(folder, 'day.opus');
      const bytes = await writeSilentOpus(path, day, statedMs);
      assert.ok(bytes < 4 * 1024 * 1024, `${bytes} bytes`);
      await assertRefused(readFileSync(path), 'audio_too_long', 'invalid_audio');
    }
    await assertUnharmed(server);
  });

  test('a recording of exactly the limit is heard, a longer one is refused', async () => {
    const seconds = (count: number) => wavFile(new Float32Array(count * 8000), { sampleRate: 8000 });
    assert.equal(await textOf(await hear(seconds(MAX_AUDIO_S))), '');
    await assertRefused(seconds(MAX_AUDIO_S + 1), 'audio_too_long');
    const path = join(folder, 'long.opus');
    await writeSilentOpus(path, (MAX_AUDIO_S - 1) * 1000);
    assert.equal(await textOf(await hear(readFileSync(path))), '');
    await writeSilentOpus(path, (MAX_AUDIO_S + 1) * 1000);
    await assertRefused(readFileSync(path), 'audio_too_long');
  });

  test('a recording too short to hear anything in is an empty text', async () => {
    for (const count of [1, 10, 160, 1600])
      assert.equal(await textOf(await hear(wavFile(new Float32Array(count)))), '');
  });
});
