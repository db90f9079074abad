/** A client in Python, which reads and writes the protocol by itself, as Home Assistant's library does. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { needs } from './support/needs.ts';
import { serveDuring } from './support/server.ts';

const PYTHON = '/usr/bin/python3';
const CLIENT = resolve(import.meta.dirname, 'support/wyoming_client.py');

test('a client in Python describes, speaks, streams and transcribes', {
  skip: needs({ python3: PYTHON }),
}, async (t) => {
  const models = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear' };
  const env = { ...models, OS_WYOMING_ENABLED: 'true', OS_WYOMING_PORT: '0' };
  const { server } = await serveDuring(t, { tones: true, env });
  const port = server.wyomingUrl!.split(':').at(-1)!;
  const { stdout } = await promisify(execFile)(PYTHON, [CLIENT, '127.0.0.1', port, 'hello python! goodbye.']);
  assert.deepEqual(JSON.parse(stdout), {
    programs: ['open-speech', 'open-speech'],
    rates: [24_000, 24_000],
    // What is a tone in a sentence is a pause between two.
    whole: 'hello python!goodbye.',
    stream: 'hello python!goodbye.',
    nothing: '',
  });
});
