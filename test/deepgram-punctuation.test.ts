/** `punctuate` and `smart_format` over Deepgram's live protocol, with a model that punctuates and without one. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { wavHeader } from '../src/audio/wav.ts';
import { buildWordPunctuator } from './models/word-punctuator.ts';
import { finalTexts, listenTo, type Results, sendIn } from './support/deepgram.ts';
import { addBuilt } from './support/helper-models.ts';
import { serveDuring, type TestServer } from './support/server.ts';
import { spokenPcm } from './support/spoken.ts';

const RATE = 24_000;
const RAW = `encoding=linear16&sample_rate=${RATE}`;

async function serve(t: TestContext, punctuator: boolean): Promise<TestServer> {
  const env = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear', OS_MODEL_TTL: '0' };
  const server = await serveDuring(t, { tones: true, env });
  if (punctuator) await addBuilt(server, 'word-punctuator', buildWordPunctuator);
  return server;
}

/** What a stream is told of texts that are said with a pause between them. */
async function hear(server: TestServer, query: string, texts: readonly string[], before: string[] = []) {
  const { socket, messages, results, closed, say } = await listenTo(server, `${RAW}&${query}`);
  for (const text of texts) {
    sendIn(socket, await spokenPcm(server, text), 4800);
  }
  for (const type of [...before, 'CloseStream']) say(type);
  assert.equal((await closed).code, 1000);
  return { messages, finals: results().filter(({ is_final }) => is_final), texts: finalTexts(results()) };
}

test('final words get their marks, in the text and word by word, and everything stays in its order', async (t) => {
  const server = await serve(t, true);
  for (const wish of ['punctuate=true', 'smart_format=true']) {
    const query = `${wish}&interim_results=true&utterance_end_ms=1000&vad_events=true`;
    const { messages, finals, texts } = await hear(server, query, ['hello world', 'why'], ['Finalize']);
    // The Finalize may come while the last words are still being heard, or behind them.
    assert.deepEqual(
      texts.filter((text) => text !== ''),
      ['hello, world.', 'why?'],
      wish,
    );
    assert.deepEqual(
      finals.flatMap(({ channel }) => channel.alternatives[0]!.words.map((word) => [word.word, word.punctuated_word])),
      [
        ['hello', 'hello,'],
        ['world', 'world.'],
        ['why', 'why?'],
      ],
    );
    const order = messages.filter(({ type, is_final }) => is_final || type === 'Metadata');
    assert.deepEqual(
      order.slice(-2).map(({ type, from_finalize }) => from_finalize ?? type),
      [true, 'Metadata'],
    );
    assert.equal(finals.filter(({ from_finalize }) => from_finalize).length, 1);
  }
});

test('the words of a recording get their marks, too', async (t) => {
  const server = await serve(t, true);
  const pcm = await spokenPcm(server, 'hello world why');
  const answer = await server.fetch('/v1/listen?punctuate=true', {
    method: 'POST',
    headers: { 'content-type': 'audio/wav' },
    body: Buffer.concat([wavHeader(RATE, pcm.length / 2), pcm]),
  });
  const { results } = (await answer.json()) as { results: { channels: Results['channel'][] } };
  const [{ transcript, words }] = results.channels[0]!.alternatives as [Results['channel']['alternatives'][0]];
  assert.equal(transcript, 'hello, world. why?');
  assert.equal(words.map((word) => word.punctuated_word).join(' '), transcript);
});

test('nobody gets marks who does not ask for them, and marks that were said stay as they are', async (t) => {
  const server = await serve(t, true);
  assert.deepEqual((await hear(server, 'punctuate=false', ['hello world'])).texts, ['hello world']);
  assert.deepEqual((await hear(server, 'punctuate=true', ['hello world, i am here.'])).texts, [
    'hello world, i am here.',
  ]);
});

test('without a model that punctuates, or with one that failed, the words come as they are', async (t) => {
  const server = await serve(t, false);
  const without = await hear(server, 'punctuate=true&smart_format=true', ['hello world']);
  assert.deepEqual(without.texts, ['hello world']);
  assert.equal(without.finals[0]!.channel.alternatives[0]!.words[0]!.punctuated_word, 'hello');
  await addBuilt(server, 'word-punctuator', async (folder) => {
    const manifest = await buildWordPunctuator(folder);
    const files = manifest.files.map((file) => ({ ...file, sha256: '0'.repeat(64) }));
    return { ...manifest, files };
  });
  assert.deepEqual((await hear(server, 'punctuate=true', ['hello world'])).texts, ['hello world']);
});
