import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pcmToALaw, pcmToMuLaw } from './g711.ts';
import { toS16le } from './pcm.ts';
import { ENCODINGS, type Encoding, SampleReader } from './sample-reader.ts';

const sound = Float32Array.from({ length: 50 }, (_, i) => Math.sin(i) / 2);
const encoded: Record<Encoding, Uint8Array> = {
  pcm_s16le: toS16le(sound),
  pcm_f32le: new Uint8Array(sound.buffer),
  mulaw: pcmToMuLaw(sound),
  alaw: pcmToALaw(sound),
};

test('bytes cut anywhere are the same samples', () => {
  for (const encoding of ENCODINGS) {
    const bytes = Buffer.from(encoded[encoding]);
    const whole = new SampleReader(encoding).read(bytes);
    assert.equal(whole.length, sound.length);
    assert.ok(whole.every((sample, i) => Math.abs(sample - sound[i]!) < 0.02));
    for (const size of [1, 2, 3, 5, 7, 199]) {
      const reader = new SampleReader(encoding);
      const samples: number[] = [];
      for (let at = 0; at < bytes.length; at += size) samples.push(...reader.read(bytes.subarray(at, at + size)));
      assert.deepEqual(samples, [...whole], `${encoding} in pieces of ${size}`);
      assert.equal(reader.restBytes, 0);
    }
  }
});

test('half a sample waits for its other half', () => {
  const reader = new SampleReader('pcm_s16le');
  assert.deepEqual([...reader.read(Buffer.from([0, 64, 0]))], [0.5]);
  assert.equal(reader.restBytes, 1);
  assert.deepEqual([...reader.read(Buffer.alloc(0))], []);
  assert.deepEqual([...reader.read(Buffer.from([0x20]))], [0.25]);
  assert.equal(reader.restBytes, 0);
});
