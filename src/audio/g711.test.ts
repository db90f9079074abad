import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aLawToPcm, muLawToPcm, pcmToALaw, pcmToMuLaw } from './g711.ts';

const all = Uint8Array.from({ length: 256 }, (_, code) => code);

test('every code survives decoding and encoding, but for the second zero of mu-law', () => {
  const mu = pcmToMuLaw(muLawToPcm(all));
  assert.deepEqual(
    mu,
    all.map((code) => (code === 0x7f ? 0xff : code)),
  );
  assert.deepEqual(pcmToALaw(aLawToPcm(all)), all);
});

test('known samples have the codes of the standard', () => {
  const sample = (codes: Float32Array): number[] => [...codes].map((value) => value * 32_768);
  assert.deepEqual(
    sample(muLawToPcm(Uint8Array.of(0xff, 0x7f, 0x80, 0x00, 0xfe, 0xef))),
    [0, 0, 32_124, -32_124, 8, 132],
  );
  assert.deepEqual(sample(aLawToPcm(Uint8Array.of(0xd5, 0x55, 0xaa, 0x2a))), [8, -8, 32_256, -32_256]);
  assert.deepEqual([...pcmToMuLaw(Float32Array.of(0, 1, -1, 7, -7, Number.NaN))], [0xff, 0x80, 0x00, 0x80, 0x00, 0xff]);
  assert.deepEqual([...pcmToALaw(Float32Array.of(0, 1, -1, Number.NaN))], [0xd5, 0xaa, 0x2a, 0xd5]);
});

test('what is lost is small for loud and soft samples alike', () => {
  for (const [encode, decode] of [
    [pcmToMuLaw, muLawToPcm],
    [pcmToALaw, aLawToPcm],
  ] as const) {
    for (let sample = -32_000; sample <= 32_000; sample += 7) {
      const [again] = decode(encode(Float32Array.of(sample / 32_768)));
      const error = Math.abs(again! * 32_768 - sample);
      assert.ok(error <= Math.max(16, Math.abs(sample) * 0.04), `${sample}: ${error}`);
    }
  }
});
