import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sniffStart } from './sniff-start.ts';
import { wavHeader } from './wav.ts';

const MATROSKA = Buffer.concat([Buffer.from('1a45dfa3', 'hex'), Buffer.alloc(12)]);

test('a container is known as soon as its signature is whole', () => {
  const wav = wavHeader(16_000);
  assert.equal(sniffStart(wav.subarray(0, 11), false), undefined);
  assert.equal(sniffStart(wav.subarray(0, 12), false), 'wav');
  assert.equal(sniffStart(MATROSKA.subarray(0, 3), false), undefined);
  assert.equal(sniffStart(MATROSKA, false), 'matroska');
  assert.equal(sniffStart(Buffer.from('OggS'), false), 'ogg');
  assert.equal(sniffStart(Buffer.from('ID3\x04\0\0\0\x7f\x7f\x7f and so on'), false), 'mp3');
});

test('frames without a signature are waited for, within a bound', () => {
  const frame = Buffer.from('fffb9000'.padEnd(2 * 417, '0'), 'hex');
  assert.equal(sniffStart(frame.subarray(0, 200), false), undefined);
  assert.equal(sniffStart(Buffer.concat([frame, frame]), false), 'mp3');
  const never = Buffer.alloc(16_384, 0xff);
  assert.equal(sniffStart(never.subarray(1), false), undefined);
  assert.throws(() => sniffStart(never, false), { code: 'unsupported_audio' });
});

test('what begins like nothing is refused at once', () => {
  assert.throws(() => sniffStart(Buffer.from('<html>no audio</html>'), false), { code: 'unsupported_audio' });
  assert.throws(() => sniffStart(Buffer.alloc(12), false), { code: 'unsupported_audio' });
});

test('where packets of Opus may come bare, only their usual containers are looked for', () => {
  assert.equal(sniffStart(Buffer.from('OggS'), true), 'ogg');
  assert.equal(sniffStart(MATROSKA, true), 'matroska');
  assert.equal(sniffStart(Buffer.from('Ogg'), true), undefined);
  assert.equal(sniffStart(MATROSKA.subarray(0, 1), true), undefined);
  for (const packet of ['78', 'fc0000', 'fff19000']) {
    assert.equal(sniffStart(Buffer.from(packet, 'hex'), true), 'opus-packets');
  }
});
