import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from './errors.ts';
import { type SseEvent, sseEvents } from './sse.ts';

async function read(pieces: (string | Uint8Array)[]): Promise<SseEvent[]> {
  const encoder = new TextEncoder();
  async function* body() {
    for (const piece of pieces) yield typeof piece === 'string' ? encoder.encode(piece) : piece;
  }
  return Array.fromAsync(sseEvents(body()));
}

const data = async (pieces: (string | Uint8Array)[]): Promise<string[]> => (await read(pieces)).map((e) => e.data);

test('events are read wherever the stream happens to be cut', async () => {
  const stream = 'data: {"a":1}\n\ndata: {"b":2}\n\n';
  for (let cut = 0; cut <= stream.length; cut++) {
    assert.deepEqual(await data([stream.slice(0, cut), stream.slice(cut)]), ['{"a":1}', '{"b":2}'], `cut at ${cut}`);
  }
});

test('every line ending of the standard works, also when it is cut in two', async () => {
  assert.deepEqual(await data(['data: 1\r\n\r\ndata: 2\r', '\n\r', '\ndata: 3\r\rdata: 4\n\n']), ['1', '2', '3', '4']);
});

test('a letter that arrives in two halves stays whole', async () => {
  const bytes = new TextEncoder().encode('data: ä\n\n');
  assert.deepEqual(await data([bytes.slice(0, 7), bytes.slice(7)]), ['ä']);
});

test('data lines of one event are joined, comments and unknown fields are passed over', async () => {
  assert.deepEqual(await data([': ping\nid: 7\ndata: a\ndata:b\ndata\n\n']), ['a\nb\n']);
});

test('an event has the name it was given', async () => {
  assert.deepEqual(await read(['event: error\ndata: x\n\ndata: y\n\n']), [
    { name: 'error', data: 'x' },
    { name: 'message', data: 'y' },
  ]);
});

test('an event that the end of the stream cuts off is dropped', async () => {
  assert.deepEqual(await data(['data: whole\n\ndata: half\n']), ['whole']);
});

test('a stream that never ends a line is refused before it fills memory', async () => {
  const piece = 'x'.repeat(1024 * 1024);
  await assert.rejects(read(['data: ', ...Array(9).fill(piece)]), ApiError);
});

test('many short lines without an end of event are refused as well', async () => {
  const piece = `data: ${'x'.repeat(1024 * 1024)}\n`;
  await assert.rejects(read(Array(9).fill(piece)), ApiError);
});
