import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serverEvents } from './server-events.ts';

async function read(text: string, pieceBytes: number): Promise<unknown[]> {
  const bytes = Buffer.from(text);
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  };
  const events: unknown[] = [];
  for await (const event of serverEvents(chunks())) events.push(event);
  return events;
}

test('events are read however the bytes are cut', async () => {
  const text = ': hello\n\ndata: {"type":"a","delta":"größe"}\n\nevent: x\r\ndata:{"type":"b"}\r\n\r\ndata: [DONE]\n\n';
  for (const pieceBytes of [1, 2, 7, 1000]) {
    assert.deepEqual(await read(text, pieceBytes), [{ type: 'a', delta: 'größe' }, { type: 'b' }]);
  }
});

test('an event without an end is given up', async () => {
  await assert.rejects(read(`data: ${'x'.repeat(5_000_000)}`, 65_536), /event without an end/);
});
