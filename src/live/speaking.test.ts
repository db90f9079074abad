import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { bytesInUse } from '../../test/support/memory.ts';
import { until } from '../../test/support/until.ts';
import type { SpeakChunk, SpeakRequest } from '../engines/contract.ts';
import { SpeechError } from '../errors.ts';
import type { Speaking, SpeakingEvent, SpeakingOptions } from './contract.ts';
import { openSpeaking } from './speaking.ts';
import { liveService, VOICE } from './testing.ts';

const OPTIONS: SpeakingOptions = { speed: 1, sampleRate: 16_000 };

/** Speaks 100 ms per character, in chunks of one character. */
async function* spell({ text }: SpeakRequest): AsyncGenerator<SpeakChunk> {
  for (const _ of text) yield { pcm: new Float32Array(1600).fill(0.5), sampleRate: 16_000 };
}

function open(speak = spell, options: Partial<SpeakingOptions> = {}, env: Record<string, string> = {}) {
  const asked: string[] = [];
  const service = liveService(
    {
      speak: (request, signal) => {
        asked.push(request.text);
        return (speak as typeof spell & ((r: SpeakRequest, s: AbortSignal) => AsyncGenerator<SpeakChunk>))(
          request,
          signal,
        );
      },
    },
    VOICE,
    env,
  );
  const abort = new AbortController();
  const caller = { requestId: 'r', keyId: 'k', signal: abort.signal };
  return { asked, service, abort, speaking: openSpeaking(service, { ...OPTIONS, ...options }, caller) };
}

/** Reads in the background. */
function read(speaking: Speaking) {
  const events: SpeakingEvent[] = [];
  const done = (async () => {
    for await (const event of speaking) events.push(event);
  })();
  done.catch(() => {});
  return { events, done, told: () => summary(events) };
}

/** Sentences with the milliseconds of audio after each. */
function summary(events: readonly SpeakingEvent[]): string[] {
  const lines: string[] = [];
  let samples = 0;
  const audio = () => {
    if (samples > 0) lines.push(`${samples / 16} ms`);
    samples = 0;
  };
  for (const event of events) {
    if (event.type === 'audio') samples += event.pcm.length;
    else {
      audio();
      lines.push(event.type === 'sentence' ? event.text : event.type);
    }
  }
  audio();
  return lines;
}

test('however the text is cut into pieces, the same sentences are spoken in order', async () => {
  const text = 'Hello there, Dr. Who. How 😀 are you?\n\nI am fine. ';
  const whole = open();
  whole.speaking.append(text);
  whole.speaking.end();
  const reader = read(whole.speaking);
  await reader.done;
  assert.deepEqual(
    reader.told().filter((line) => !line.endsWith(' ms')),
    ['Hello there, Dr. Who.', 'How 😀 are you?', 'I am fine.'],
  );
  for (const size of [1, 2, 3, 7]) {
    const cut = open();
    for (let at = 0; at < text.length; at += size) cut.speaking.append(text.slice(at, at + size));
    cut.speaking.end();
    const other = read(cut.speaking);
    await other.done;
    assert.deepEqual(other.told(), reader.told());
  }
});

test('a sentence is spoken as soon as its end is certain, while later text is still to come', async () => {
  const { speaking } = open();
  const { told, done } = read(speaking);
  speaking.append('One. Tw');
  await until(() => told().includes('400 ms'));
  assert.deepEqual(told(), ['One.', '400 ms']);
  speaking.append('o.');
  speaking.end();
  await done;
  assert.deepEqual(told(), ['One.', '400 ms', 'Two.', '400 ms']);
});

test('each of many flushes is answered, and they take no room while they wait', async () => {
  const { speaking } = open();
  const before = bytesInUse();
  for (let i = 0; i < 500_000; i++) speaking.flush();
  assert.ok(bytesInUse() - before < 2_000_000, `${bytesInUse() - before} bytes`);
  speaking.append('the end');
  speaking.end();
  let flushed = 0;
  for await (const { type } of speaking) if (type === 'flushed') flushed++;
  assert.equal(flushed, 500_000);
});

test('a flush speaks what there is and is answered behind it', async () => {
  const { speaking } = open();
  const { told, done } = read(speaking);
  speaking.append('and so');
  speaking.flush();
  speaking.append('it goes');
  speaking.flush();
  speaking.flush();
  speaking.end();
  await done;
  assert.deepEqual(told(), ['and so', '600 ms', 'flushed', 'it goes', '700 ms', 'flushed', 'flushed']);
});

test('while a sentence is heard the next one is being spoken, and no more than that', async () => {
  const { speaking, asked } = open();
  speaking.append('One. Two. Three. Four. ');
  speaking.end();
  const events = speaking[Symbol.asyncIterator]();
  await events.next();
  await events.next();
  await until(() => asked.length === 2);
  await sleep(5);
  assert.deepEqual(asked, ['One.', 'Two.']);
  await events.return?.();
});

test('after clear nothing of the old text is heard, and new text is', async () => {
  for (let taken = 0; taken < 12; taken++) {
    const { speaking, service } = open();
    speaking.append('Abc. Def. Ghi');
    const events = speaking[Symbol.asyncIterator]();
    for (let i = 0; i < taken && i < 10; i++) await events.next();
    const pending = taken < 10 ? undefined : events.next();
    speaking.clear();
    speaking.append('New.');
    speaking.end();
    const heard: SpeakingEvent[] = [];
    const first = await pending;
    if (first !== undefined && first.done !== true) heard.push(first.value);
    for (let result = await events.next(); result.done !== true; result = await events.next()) heard.push(result.value);
    assert.deepEqual(summary(heard), ['New.', '400 ms'], `cleared after ${taken} events`);
    assert.equal(service.worker.begun, service.worker.ended);
  }
});

test('leaving the iteration stops the work, also while it waits for the voice', async () => {
  const never = async function* (_: SpeakRequest, signal: AbortSignal): AsyncGenerator<SpeakChunk> {
    await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  };
  const { speaking, service } = open(never as unknown as typeof spell);
  speaking.append('Hello. World');
  const events = speaking[Symbol.asyncIterator]();
  const pending = events.next();
  await until(() => service.worker.begun === 1);
  await events.return?.();
  assert.equal((await pending).done, true);
  assert.equal(service.worker.ended, 1);
});

test('a voice that fails ends the iteration with its error', async () => {
  const failing = async function* (): AsyncGenerator<SpeakChunk> {
    yield* spell({ ...({} as SpeakRequest), text: 'ab' });
    throw new SpeechError('voice_not_found', 'No.');
  };
  const { speaking } = open(failing as unknown as typeof spell);
  speaking.append('Hello.');
  speaking.end();
  await assert.rejects(read(speaking).done, { code: 'voice_not_found' });
});

test('the caller ends everything with his signal', async () => {
  const { speaking, abort } = open();
  const { done } = read(speaking);
  await sleep(1);
  abort.abort();
  await assert.rejects(done, { code: 'cancelled' });
});

test('text that waits has its bound, and what was spoken makes room', async () => {
  const { speaking } = open(spell, {}, { OS_LIVE_TEXT_LENGTH: '256' });
  const sentence = `A${'a'.repeat(98)}. `;
  speaking.append(`${sentence}${sentence}Be `);
  assert.throws(() => speaking.append('c'.repeat(60)), { code: 'text_too_long' });
  const { told, done } = read(speaking);
  await until(() => told().filter((line) => line.startsWith('A')).length === 2);
  speaking.append('c'.repeat(60));
  speaking.end();
  await done;
});

test('what cannot be spoken is passed over', async () => {
  const { speaking } = open();
  const { told, done } = read(speaking);
  speaking.append('Yes. --- \n\n ... \n\nNo. \ud83d');
  speaking.end();
  await done;
  assert.deepEqual(
    told().filter((line) => !line.endsWith(' ms')),
    ['Yes.', 'No.'],
  );
});

test('audio comes out at the wanted rate, complete', async () => {
  const { speaking } = open(spell, { sampleRate: 24_000 });
  const { events, done } = read(speaking);
  speaking.append('Hello.');
  speaking.end();
  await done;
  const samples = events.reduce((sum, event) => sum + (event.type === 'audio' ? event.pcm.length : 0), 0);
  assert.equal(samples, 14_400);
});

test('what the voice cannot do is refused when the session opens', () => {
  assert.throws(() => open(spell, { speed: 3 }), { code: 'unsupported_by_model' });
  assert.throws(() => open(spell, { voice: 'x' }), { code: 'voice_not_found' });
  assert.throws(() => open(spell, { sampleRate: 1 }), { code: 'unsupported_value' });
});
