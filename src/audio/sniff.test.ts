import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sniff } from './sniff.ts';

const sniffBytes = (bytes: Uint8Array) => sniff((position, length) => bytes.subarray(position, position + length));

/** Two MP3 frames at 128 kbit/s: 24 000 Hz (384 bytes each), 44 100 Hz (417 bytes), 8000 Hz MPEG-2.5 at 64 (576). */
function mp3(header: string, frameBytes: number, frames = 2): Buffer {
  const frame = Buffer.alloc(frameBytes);
  frame.write(header, 'hex');
  return Buffer.concat(Array.from({ length: frames }, () => frame));
}

function adts(): Buffer {
  const frame = Buffer.alloc(100);
  frame.write('fff158400c9ffc', 'hex');
  return Buffer.concat([frame, frame]);
}

function id3(bytes: number): Buffer {
  const tag = Buffer.alloc(10 + bytes, 0x20);
  tag.write('ID3\x04\x00\x00', 'latin1');
  tag[6] = 0;
  tag[7] = 0;
  tag[8] = bytes >> 7;
  tag[9] = bytes & 0x7f;
  return tag;
}

const MP3 = mp3('fff3c4c4', 384);

test('containers are known by their first bytes', () => {
  assert.equal(sniffBytes(Buffer.from('RIFF\0\0\0\0WAVEfmt ')), 'wav');
  assert.equal(sniffBytes(Buffer.from('FORM\0\0\0\0AIFFCOMM')), 'aiff');
  assert.equal(sniffBytes(Buffer.from('FORM\0\0\0\0AIFCCOMM')), 'aiff');
  assert.equal(sniffBytes(Buffer.from('OggS\0\0\0\0\0\0\0\0')), 'ogg');
  assert.equal(sniffBytes(Buffer.from('fLaC\0\0\0\0\0\0\0\0')), 'flac');
  assert.equal(sniffBytes(Buffer.from('\0\0\0\x1cftypM4A ')), 'mov');
  assert.equal(sniffBytes(Buffer.from('1a45dfa39f42868101428681', 'hex')), 'matroska');
});

test('MPEG audio is known by two frames in a row, also behind ID3 tags and padding', () => {
  for (const file of [MP3, mp3('fffb90c4', 417), mp3('ffe388c4', 576), mp3('fff3c4c4', 384, 1)]) {
    assert.equal(sniffBytes(file), 'mp3');
    assert.equal(sniffBytes(Buffer.concat([id3(300), file])), 'mp3');
    assert.equal(sniffBytes(Buffer.concat([id3(300), id3(20), Buffer.alloc(1000), file])), 'mp3');
  }
  assert.equal(sniffBytes(adts()), 'aac');
  assert.equal(sniffBytes(Buffer.concat([id3(64), adts()])), 'aac');
  assert.equal(sniffBytes(Buffer.concat([id3(64), Buffer.from('fLaC')])), 'flac');
});

test('what is something else first is not audio, whatever follows', () => {
  const page = Buffer.from('<!doctype html><title>A page</title>');
  const archive = Buffer.from('504b03041400000000000000', 'hex');
  for (const file of [
    page,
    Buffer.concat([page, MP3]),
    Buffer.concat([archive, MP3]),
    Buffer.concat([Buffer.from([0]), MP3]),
    MP3.subarray(0, 200),
    Buffer.concat([MP3.subarray(0, 384), page]),
    Buffer.concat([id3(10), page]),
    id3(5000).subarray(0, 100),
    Buffer.from('RIFF\0\0\0\0AVI LIST'),
    Buffer.from('#EXTM3U\nhttp://example.org/a.ts\n'),
    Buffer.from('ffconcat version 1.0\nfile /etc/passwd\n'),
    Buffer.from('89504e470d0a1a0a0000000d', 'hex'),
    Buffer.alloc(4096),
    Buffer.alloc(4096, 0xff),
    Buffer.alloc(3),
    Buffer.alloc(0),
  ]) {
    assert.equal(sniffBytes(file), undefined, file.subarray(0, 40).toString('latin1'));
  }
});
