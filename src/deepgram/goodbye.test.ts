/** What a stream still says when the server leaves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Speaking, SpeakingEvent } from '../live/contract.ts';
import { deaf } from '../live/testing.ts';
import { readListenParams } from './listen-params.ts';
import { ListenSession } from './listen-session.ts';
import { SpeakSession } from './speak-session.ts';

const MODEL = { id: 'm', revision: '', family: '' };

test('who ended a stream just before the server leaves is still told its last results', async () => {
  const finished = Promise.withResolvers<void>();
  const listening = deaf({ finish: () => finished.promise });
  const session = await ListenSession.open(
    {
      openListening: async () => listening,
      decodeLive: () => assert.fail('nothing is compressed'),
      ...{ modelInfo: () => MODEL, requestId: 'r', backlogMs: 60_000, silentMs: 60_000 },
    },
    readListenParams({ encoding: 'linear16', sample_rate: '16000' }),
  );
  const told: string[] = [];
  session.begin({
    send: (message) => told.push((message as { type: string }).type),
    sendError: (_message, code) => told.push(code),
    close: (code) => told.push(String(code)),
  });
  session.text('{"type":"CloseStream"}');
  let said = false;
  const goodbye = session.goodbye().then(() => {
    said = true;
  });
  await nextTurn();
  assert.ok(!said, 'the results are still to come');
  finished.resolve();
  await goodbye;
  assert.deepEqual(told, ['Metadata', '1000']);
  session.closed();
});

test('text that had come is spoken before the server leaves, whether or not its end was told', async () => {
  for (const closeFirst of [false, true]) {
    const heard = Promise.withResolvers<void>();
    const speaking: Speaking = {
      ...{ voice: 'v', model: 'm' },
      append() {},
      flush() {},
      clear() {},
      end() {},
      async *[Symbol.asyncIterator](): AsyncGenerator<SpeakingEvent> {
        await heard.promise;
        yield { type: 'audio', pcm: new Float32Array(10) };
        yield { type: 'flushed' };
      },
    };
    const session = new SpeakSession({ speaking, encoding: 'linear16', requestId: 'r', model: MODEL });
    const told: string[] = [];
    session.begin({
      send: (message) => told.push((message as { type: string }).type),
      sendBinary: (bytes) => told.push(`${bytes.length} bytes`),
      sendError: (_message, code) => told.push(code),
      close: (code) => told.push(String(code)),
      ready: async () => {},
    });
    session.text('{"type":"Speak","text":"hello"}');
    if (closeFirst) session.text('{"type":"Close"}');
    const goodbye = session.goodbye();
    heard.resolve();
    await goodbye;
    assert.deepEqual(told, ['Metadata', '20 bytes', 'Flushed', '1000']);
    session.closed();
  }
});
