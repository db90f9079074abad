/** Bounds on what happens at the same time, crossed from both sides. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertError, assertUnharmed } from './support/answers.ts';
import { bytesOf, heard, say, transcribe } from './support/client.ts';
import { RawConnection, requestHead } from './support/raw.ts';
import { serveDuring, serveSlowly } from './support/server.ts';
import { until } from './support/until.ts';
import { samplesOf, wavFile } from './support/wav.ts';

const PARAGRAPHS = Array.from({ length: 20 }, (_, i) => `paragraph number ${i}.`).join('\n\n');

test('as many connections as permitted are served, the next one is closed, and one that leaves makes room', async (t) => {
  const server = await serveDuring(t, { env: { OS_MAX_CONNECTIONS: '16' } });
  const serves = async (connection: RawConnection) => {
    await connection.write(requestHead('GET /health'));
    const answer = await connection.answer().catch(() => undefined);
    return answer?.status === 200;
  };
  const open: RawConnection[] = [];
  for (let i = 0; i < 16; i++) {
    const connection = await RawConnection.open(server.url);
    assert.ok(await serves(connection), `connection ${i + 1}`);
    open.push(connection);
  }
  const one = await RawConnection.open(server.url);
  assert.ok(!(await serves(one)));
  assert.ok(await serves(open[0]!), 'the others stay');
  open[1]!.close();
  await until(async () => {
    const next = await RawConnection.open(server.url);
    const served = await serves(next);
    next.close();
    return served;
  });
  for (const connection of open) connection.close();
});

test('as much speech as permitted is compressed at once, more is told when to come back, and wav needs none', async (t) => {
  const server = await serveSlowly(t, 4, { OS_MAX_ENCODED_STREAMS: '1' });
  const first = await say(server, { input: PARAGRAPHS, response_format: 'mp3' });
  const reader = first.body!.getReader();
  await reader.read();
  const more = await say(server, { input: 'a.', response_format: 'opus' });
  await assertError(more, { status: 503, code: 'overloaded', param: null });
  assert.equal(more.headers.get('x-should-retry'), 'true');
  await bytesOf(await say(server, { input: 'a.', response_format: 'wav' }));
  await reader.cancel();
  await assertUnharmed(server);
  await until(async () => (await say(server, { input: 'a.', response_format: 'opus' })).status === 200);
});

test('as many recordings as permitted are decoded at once and wait, more are told when to come back', async (t) => {
  const server = await serveSlowly(t, 4, { OS_MEDIA_PROCESSES: '1', OS_MAX_MEDIA_QUEUE: '1' });
  const sound = samplesOf(await bytesOf(await say(server, { input: 'a bit of sound.', response_format: 'pcm' })));
  const long = new Float32Array(sound.length * 150);
  for (let i = 0; i < 150; i++) long.set(sound, i * sound.length);
  const leaving = new AbortController();
  const form = new FormData();
  form.append('file', new Blob([new Uint8Array(wavFile(long))]), 'long.wav');
  form.append('stream', 'true');
  const first = await server.fetch('/v1/audio/transcriptions', { method: 'POST', body: form, signal: leaving.signal });
  assert.equal(first.status, 200);
  const second = heard(server, wavFile(sound));
  await until(async () => {
    const more = await transcribe(server, wavFile(sound));
    if (more.status === 200) return false;
    await assertError(more, { status: 503, code: 'overloaded', param: null });
    return true;
  });
  leaving.abort();
  assert.equal(await second, 'a bit of sound.');
  await assertUnharmed(server);
});
