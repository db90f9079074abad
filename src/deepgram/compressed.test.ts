/** What becomes of a compressed stream whose decoder is slow, or full, or whose listener is. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { LiveDecoding, LiveSound } from '../audio/contract.ts';
import { SpeechError } from '../errors.ts';
import type { Listening } from '../live/contract.ts';
import { readListenParams } from './listen-params.ts';
import { ListenSession } from './listen-session.ts';

const OGG = Buffer.from('OggS and so on');
const SILENT_MS = 10_000;
const BACKLOG_MS = 8000;
const MAX_BYTES = 4_000_000;

/** A session whose decoder gives what the test puts into it. */
async function open(t: TestContext, query: Record<string, string> = {}) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const told: string[] = [];
  const sounds: (LiveSound | SpeechError)[] = [];
  const state = { waitingBytes: 0, marks: 0, ended: false, closed: false, full: false, heard: 0, open: 0 };
  let wake = (): void => {};
  const decoding: LiveDecoding = {
    get waitingBytes() {
      return state.waitingBytes;
    },
    get fullness() {
      return state.waitingBytes / MAX_BYTES;
    },
    push() {
      if (state.full) throw new SpeechError('overloaded', 'Too much.');
    },
    mark: () => state.marks++,
    end() {
      state.ended = true;
      wake();
    },
    close() {
      state.closed = true;
      wake();
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const next = sounds.shift();
        if (next instanceof SpeechError) throw next;
        if (next !== undefined) yield next;
        else if (state.ended || state.closed) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
  const listenings: (Listening & { backlogMs: number })[] = [];
  const opening: Promise<void>[] = [];
  const session = await ListenSession.open(
    {
      async openListening() {
        await opening.shift();
        state.open++;
        const listening = {
          ...{ model: 'm', audioMs: 0, backlogMs: 0, openMs: 0 },
          push({ pcm }: { pcm: Float32Array }) {
            state.heard += pcm.length;
            this.audioMs += pcm.length / 16;
          },
          commit: () => undefined,
          clear: () => undefined,
          change() {},
          finish: () => Promise.resolve(),
          close: () => state.open--,
        };
        listenings.push(listening);
        return listening;
      },
      decodeLive: () => decoding,
      modelInfo: (id) => ({ id, revision: '', family: '' }),
      ...{ requestId: 'r', backlogMs: BACKLOG_MS, silentMs: SILENT_MS },
    },
    readListenParams(query),
  );
  session.begin({
    send: (message) => told.push((message as { type: string }).type),
    sendError: (_message, code) => told.push(code),
    close: (code, reason = '') => told.push(`${code} ${reason.slice(0, 9)}`.trim()),
  });
  t.after(() => session.closed());
  const give = async (...more: (LiveSound | SpeechError)[]) => {
    sounds.push(...more);
    wake();
    for (let turn = 0; turn < 5; turn++) await nextTurn();
  };
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 50) {
      t.mock.timers.tick(50);
      await nextTurn();
    }
  };
  return { session, told, state, listenings, opening, give, pass };
}

const sound = (samples: number, marked = false, channels = 1): LiveSound => ({
  channels: Array.from({ length: channels }, () => new Float32Array(samples)),
  marked,
});

test('a Finalize and the end of the stream wait for the sound of what was sent before them', async (t) => {
  const { session, told, state, give } = await open(t);
  session.binary(OGG);
  session.text('{"type":"Finalize"}');
  assert.deepEqual([told, state.marks], [[], 1]);
  await give(sound(160));
  assert.deepEqual(told, []);
  await give(sound(0, true));
  assert.deepEqual(told, ['Results']);
  session.text('{"type":"Finalize"}');
  session.text('{"type":"CloseStream"}');
  await give(sound(160, true));
  assert.deepEqual(told, ['Results', 'Results', 'Metadata', '1000']);
  assert.equal(state.heard, 320);
});

test('a container that is over before its stream leaves nothing unanswered', async (t) => {
  const { session, told, state, give } = await open(t);
  session.binary(OGG);
  session.text('{"type":"Finalize"}');
  state.ended = true;
  await give();
  assert.deepEqual(told, ['Results']);
  session.binary(OGG);
  session.text('{"type":"Finalize"}');
  session.text('{"type":"CloseStream"}');
  await give();
  assert.deepEqual(told, ['Results', 'Results', 'Metadata', '1000']);
});

test('no more is decoded than the listener can take', async (t) => {
  const { session, state, listenings, give, pass } = await open(t);
  session.binary(OGG);
  listenings[0]!.backlogMs = BACKLOG_MS / 4;
  await give(sound(160), sound(160));
  await pass(1000);
  assert.equal(state.heard, 0);
  listenings[0]!.backlogMs = BACKLOG_MS / 4 - 1;
  await pass(100);
  assert.equal(state.heard, 320);
});

test('what waits to be decoded counts as audio that waits, by its time or by its bytes', async (t) => {
  const { session, state, give } = await open(t);
  session.binary(Buffer.concat([OGG, Buffer.alloc(986)]));
  state.waitingBytes = 1000;
  assert.equal(session.backlogMs, 250);
  state.waitingBytes = 500;
  await give(sound(16_000));
  assert.equal(session.backlogMs, 1000);
  // Bytes that hold little sound each fill their bound first.
  session.binary(Buffer.alloc(MAX_BYTES));
  state.waitingBytes = MAX_BYTES / 2;
  await give(sound(16));
  assert.equal(session.backlogMs, BACKLOG_MS / 2);
});

test('whoever is held back is not silent, and whoever says nothing is', async (t) => {
  const { session, told, state, pass } = await open(t);
  session.binary(OGG);
  state.waitingBytes = 1_000_000;
  await pass(SILENT_MS + 100);
  assert.deepEqual(told, []);
  state.waitingBytes = 0;
  await pass(SILENT_MS + 100);
  assert.deepEqual(told, ['1011 NET-0001:']);
  assert.ok(state.closed);
});

test('a decoder that is full or fails ends the stream once, also while its end is awaited', async (t) => {
  const full = await open(t);
  full.session.binary(OGG);
  full.state.full = true;
  full.session.binary(OGG);
  full.session.binary(OGG);
  assert.deepEqual(full.told, ['overloaded', '1011 NET-0000:']);
  assert.ok(full.state.closed);
  t.mock.timers.reset();

  for (const [code, said] of [
    ['engine_failed', '1011 NET-0000:'],
    ['deadline_exceeded', '1011 NET-0000:'],
    ['invalid_audio', '1008 DATA-0000'],
    ['audio_too_long', '1008 DATA-0000'],
  ] as const) {
    const { session, told, give } = await open(t);
    session.binary(OGG);
    session.text('{"type":"CloseStream"}');
    await give(new SpeechError(code, 'So it is.'));
    assert.deepEqual(told, [code, said]);
    t.mock.timers.reset();
  }
});

test('as many Finalizes as anybody needs may wait, one more ends the stream', async (t) => {
  const { session, told } = await open(t);
  session.binary(OGG);
  for (let i = 0; i < 1000; i++) session.text('{"type":"Finalize"}');
  assert.deepEqual(told, []);
  session.text('{"type":"Finalize"}');
  assert.deepEqual(told, ['overloaded', '1011 NET-0000:']);
});

test('channels are opened when they are found, and none stays open when the client leaves meanwhile', async (t) => {
  const { session, state, opening, give } = await open(t, { multichannel: 'true' });
  session.binary(OGG);
  const second = Promise.withResolvers<void>();
  opening.push(second.promise);
  await give(sound(160, false, 2));
  assert.deepEqual([state.open, state.heard], [1, 0]);
  session.closed();
  assert.equal(state.open, 0);
  second.resolve();
  await give();
  assert.deepEqual([state.open, state.heard], [0, 0]);
});
