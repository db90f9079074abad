import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SpeechError } from '../errors.ts';
import { AudioRoom } from './audio-room.ts';
import { openListening } from './listening.ts';
import { EAR, liveService, MANUAL, silence } from './testing.ts';

test('there is room until all of it is taken, or half of it by one caller, and what is given back is free', () => {
  const room = new AudioRoom();
  room.take('a', 24);
  assert.ok(room.isFree('a', 200));
  room.take('a', 1);
  assert.ok(!room.isFree('a', 200));
  assert.ok(room.isFree('b', 200));
  room.take('b', 24);
  room.take('c', 1);
  assert.ok(!room.isFree('b', 200) && !room.isFree('c', 200) && !room.isFree('d', 200));
  room.take('a', -25);
  assert.ok(room.isFree('a', 200) && room.isFree('d', 200));
});

test('sessions take their audio from one room: a caller that has half of it is told, another one is not', async () => {
  // Eight megabytes are 131 seconds.
  const service = liveService({}, EAR, { OS_LIVE_MEMORY_MB: '8' });
  const open = async (keyId: string) => {
    const abort = new AbortController();
    const caller = { requestId: 'r', keyId, signal: abort.signal };
    return openListening(service, MANUAL, caller, () => {});
  };
  const speak = async (session: Awaited<ReturnType<typeof open>>) => {
    for (let i = 0; i < 4; i++) {
      session.push({ pcm: silence(10_000), sampleRate: 16_000 });
      await sleep(30);
      while (session.backlogMs > 0) await sleep(5);
    }
  };
  const first = await open('a');
  await speak(first);
  const second = await open('a');
  const overloaded = (error: unknown) => error instanceof SpeechError && error.code === 'overloaded';
  await assert.rejects(speak(second), overloaded);
  const other = await open('b');
  await speak(other);
  first.close();
  await speak(second);
  for (const session of [second, other]) session.close();
});
