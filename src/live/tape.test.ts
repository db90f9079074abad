import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tape } from './tape.ts';

const numbers = (from: number, to: number) => Float32Array.from({ length: to - from }, (_, i) => from + i);

test('what was appended in pieces of any length is read back from any place', () => {
  const tape = new Tape();
  for (let at = 0, size = 1; at < 10_000; at += size, size = (size * 7) % 3001) tape.append(numbers(at, at + size));
  for (const [from, to] of [
    [0, 1],
    [0, 1600],
    [1599, 1601],
    [100, 9999],
    [3200, 3200],
  ] as const) {
    assert.deepEqual(tape.read(from, to), numbers(from, to));
  }
});

test('what lies before a position is let go, and what follows stays where it was', () => {
  const tape = new Tape();
  for (let at = 0; at < 1_600_000; at += 320) {
    tape.append(numbers(at, at + 320));
    tape.dropBefore(at - 3000);
    assert.ok(tape.held <= 3000 + 320 + 3200);
  }
  assert.deepEqual(tape.read(tape.end - 3000, tape.end), numbers(tape.end - 3000, tape.end));
  tape.clear();
  assert.equal(tape.held, 0);
  const { end } = tape;
  tape.append(numbers(0, 100));
  assert.deepEqual(tape.read(end, end + 100), numbers(0, 100));
});

test('audio is replaced where it is still held, and told from what will not change', () => {
  let changesFrom = 2000;
  const tape = new Tape(
    () => {},
    () => changesFrom,
  );
  const pcm = Float32Array.from({ length: 5000 }, (_, at) => at);
  tape.append(pcm.slice(0, 4000));
  assert.equal(tape.settled, 2000);
  tape.dropBefore(1700);
  tape.replace(
    1000,
    pcm.subarray(1000, 3500).map((sample) => -sample),
  );
  tape.replace(3900, new Float32Array(500));
  assert.deepEqual(
    tape.read(1600, 4000),
    pcm.slice(1600, 4000).map((sample, at) => (at < 1900 ? -sample : at < 2300 ? sample : 0)),
  );
  tape.append(pcm.slice(4000));
  assert.deepEqual(tape.read(4000, 5000), pcm.slice(4000));
  changesFrom = Number.POSITIVE_INFINITY;
  assert.equal(tape.settled, 5000);
});
