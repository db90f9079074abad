import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpeechError } from '../../errors.ts';
import { AudioIn, audioFormat } from './audio-in.ts';

const RATE = 16_000;

test('samples of every width are read to the same scale', () => {
  const cases = [
    [1, [0, 128, 192, 255], [-1, 0, 0.5, 127 / 128]],
    [2, [0x00, 0x80, 0x00, 0x40, 0xff, 0x7f], [-1, 0.5, 32_767 / 32_768]],
    [3, [0, 0, 0x80, 0, 0, 0x40], [-1, 0.5]],
    [4, [0, 0, 0, 0x80, 0, 0, 0, 0x40], [-1, 0.5]],
  ] as const;
  for (const [width, bytes, samples] of cases) {
    assert.deepEqual(
      [...new AudioIn().read({ rate: RATE, width, channels: 1 }, Buffer.from(bytes))],
      samples.map(Math.fround),
    );
  }
});

test('channels are mixed, and a sample that is cut is put together again', () => {
  const format = { rate: RATE, width: 2, channels: 2 };
  const bytes = Buffer.alloc(40);
  for (let i = 0; i < 20; i++) bytes.writeInt16LE(i * 1000, i * 2);
  const whole = [...new AudioIn().read(format, bytes)];
  assert.equal(whole.length, 10);
  assert.equal(whole[1], 2500 / 32_768);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const audio = new AudioIn();
    assert.deepEqual(
      [...audio.read(format, bytes.subarray(0, cut)), ...audio.read(format, bytes.subarray(cut))],
      whole,
    );
  }
});

test('half a sample is no beginning of one of another kind', () => {
  const audio = new AudioIn();
  assert.equal(audio.read({ rate: RATE, width: 2, channels: 1 }, Buffer.of(1)).length, 0);
  assert.deepEqual([...audio.read({ rate: RATE, width: 1, channels: 1 }, Buffer.of(192))], [0.5]);
});

test('a format at its bounds is taken, and one beyond them refused by name', () => {
  const good = { rate: RATE, width: 2, channels: 1 };
  for (const change of [{ rate: 8000 }, { rate: 192_000 }, { width: 1 }, { width: 4 }, { channels: 16 }]) {
    assert.deepEqual(audioFormat({ ...good, ...change }), { ...good, ...change });
  }
  const bad = {
    rate: [7999, 192_001, 8000.5, '16000', null, undefined, Number.NaN],
    width: [0, 5, 1.5, '2', null, undefined, 'constructor'],
    channels: [0, 17, -1, 1.5, '1', null, undefined],
  };
  for (const [param, values] of Object.entries(bad)) {
    for (const value of values) {
      assert.throws(
        () => audioFormat({ ...good, [param]: value }),
        (error) => error instanceof SpeechError && error.code === 'unsupported_value' && error.param === param,
        `${param} ${value}`,
      );
    }
  }
});
