import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { bzip2, bzip2Holding } from '../../../../test/support/bzip2.ts';
import { bunzip2 } from './bunzip2.ts';
import { joinBits, sliceBits } from './bzip2-block.ts';
import { BlockSplitter, type Piece } from './bzip2-splitter.ts';

async function unpacked(packed: Buffer, step = packed.length): Promise<Buffer> {
  async function* source() {
    for (let at = 0; at < packed.length; at += step) yield packed.subarray(at, at + step);
  }
  return Buffer.concat(await Array.fromAsync(bunzip2(source(), 2)));
}

const bitsOf = (bytes: Buffer, length: number): string =>
  [...bytes]
    .map((byte) => byte.toString(2).padStart(8, '0'))
    .join('')
    .slice(0, length);

test('what was packed comes back, in one block and in many, however the bytes arrive', async () => {
  const contents = [
    randomBytes(1),
    randomBytes(300_000),
    Buffer.alloc(1_000_000),
    Buffer.from('banana'.repeat(5000)),
    Buffer.concat([Buffer.alloc(3000, 1), randomBytes(100), Buffer.alloc(259, 2), Buffer.alloc(4, 3)]),
  ];
  for (const content of contents) {
    const packed = bzip2(content);
    for (const step of [packed.length, 1013]) assert.deepEqual(await unpacked(packed, step), content);
  }
});

test('streams that follow each other are one content, as parallel packers write them', async () => {
  const parts = [randomBytes(70_000), Buffer.alloc(0), randomBytes(10)];
  assert.deepEqual(await unpacked(Buffer.concat(parts.map(bzip2))), Buffer.concat(parts));
});

test('the splitter finds the same blocks wherever the data is cut', () => {
  const packed = bzip2(randomBytes(400_000));
  const split = (step: number): Piece[] => {
    const splitter = new BlockSplitter();
    const pieces: Piece[] = [];
    for (let at = 0; at < packed.length; at += step) pieces.push(...splitter.push(packed.subarray(at, at + step)));
    splitter.finish();
    return pieces;
  };
  const whole = split(packed.length);
  assert.equal(whole.length, 8);
  for (const step of [7, 4096, 99_991]) assert.deepEqual(split(step), whole);
});

test('bits are cut and joined at any place', () => {
  const source = randomBytes(40);
  const all = bitsOf(source, 320);
  for (let start = 0; start < 20; start++) {
    for (let length = 1; length < 40; length += 3) {
      const slice = sliceBits(source, start, length);
      assert.equal(bitsOf(slice.bytes, length), all.slice(start, start + length));
      const more = sliceBits(source, start + length, 50);
      assert.equal(bitsOf(joinBits(slice, more).bytes, length + 50), all.slice(start, start + length + 50));
    }
  }
});

test('a block that holds the mark of a block by chance is put together again', async () => {
  const noise = (): number[] => Array.from({ length: 400 }, () => 2 + Math.floor(Math.random() * 253));
  for (const mark of ['314159265359', '177245385090']) {
    const { packed, content } = bzip2Holding([...noise(), ...Buffer.from(mark, 'hex'), ...noise()]);
    if (mark === '314159265359') assert.deepEqual(await unpacked(packed), content);
    else await assert.rejects(unpacked(packed));
  }
});
