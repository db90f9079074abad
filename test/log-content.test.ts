/** What the logs of a whole day may not hold. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertUnharmed } from './support/answers.ts';
import { exchange, requestHead } from './support/raw.ts';
import { serveDuring, TEST_KEY } from './support/server.ts';
import { until } from './support/until.ts';

test('no log line holds a secret, a text, a file name or an address, whatever happened', async (t) => {
  const told = await serveDuring(t, {
    tones: true,
    env: { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear', OS_LOG_LEVEL: 'trace', OS_TRUST_PROXY: 'true' },
  });
  const word = 'zyxgeheim';
  const address = '198.51.100.77';
  const headers = { 'x-forwarded-for': address, 'user-agent': `agent-${word}` };
  const json = { ...headers, 'content-type': 'application/json' };
  const say = (body: object) =>
    told.fetch('/v1/audio/speech', { method: 'POST', headers: json, body: JSON.stringify(body) });
  const hear = async (content: string | ArrayBuffer, fields: Record<string, string> = {}) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append('file', new Blob([content]), `${word}.wav`);
    return await told.fetch('/v1/audio/transcriptions', { method: 'POST', headers, body: form });
  };

  const spoken = await say({ input: `${word} one. ☃ ${word} 漢字.`, response_format: 'wav' });
  const wav = await spoken.arrayBuffer();
  assert.match(await (await hear(wav, { prompt: word })).text(), new RegExp(word));
  await hear(wav, { stream: 'true' }).then((answer) => answer.text());
  await hear(wav.slice(0, 100)).then((answer) => answer.text());
  await hear(`<html>${word}`).then((answer) => answer.text());
  await hear(wav, { model: word, language: word }).then((answer) => answer.text());
  for (const body of [
    { input: word, model: word },
    { input: word, voice: word },
    { input: word, response_format: word },
    { input: `<speak>${word}<${word}/></speak>`, input_type: 'ssml' },
    { input: word, model: 'espeak', voice: 'en' },
    { input: word, instructions: word },
  ]) {
    await say(body).then((answer) => answer.text());
  }
  await told.fetch('/v1/audio/speech', { method: 'POST', headers: json, body: `{"input":"${word}` });
  await fetch(`${told.url}/v1/models?api_key=${word}-in-the-query`, { headers });
  await fetch(`${told.url}/${word}?${word}`, { headers });
  await fetch(`${told.url}/v1/models`, { headers: { ...headers, authorization: `Bearer ${word}-as-a-key` } });
  await exchange(told.url, requestHead('GET /health', `Host: ${word}.example`, `X-Forwarded-For: ${address}`));
  await exchange(told.url, requestHead('GET /health', `Origin: https://${word}.example`));
  await exchange(told.url, `${word}\r\n\r\n`);
  const leaving = new AbortController();
  const cut = await told.fetch('/v1/audio/speech', {
    method: 'POST',
    headers: json,
    body: JSON.stringify({ input: `${word}. `.repeat(50), response_format: 'pcm' }),
    signal: leaving.signal,
  });
  await cut.body!.getReader().read();
  leaving.abort();
  await assertUnharmed(told);
  const security = join(told.dataDir, 'logs/security.log');
  await until(() => existsSync(security) && readFileSync(security, 'utf8').includes('wrong key'));
  const kept = readFileSync(security, 'utf8');
  assert.ok(told.log.length > 20 && told.log.some((line) => line.includes('Answered')));
  for (const secret of [word, TEST_KEY, address, '127.0.0.1', '::1']) {
    const line = told.log.find((candidate) => candidate.includes(secret));
    assert.equal(line, undefined, `${secret} in the log: ${line}`);
  }
  assert.ok(kept.includes(address) && !kept.includes(word) && !kept.includes(TEST_KEY), 'the security log');
});
