import assert from 'node:assert/strict';
import type { TestServer } from './server.ts';

/** PCM s16le of 24 000 Hz in which the tone voice says the text, with silence around it. */
export async function spokenPcm(server: TestServer, input: string): Promise<Uint8Array> {
  const answer = await server.fetch('/v1/audio/speech', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'tone-voice', voice: 'tone-0', input, response_format: 'pcm' }),
  });
  assert.equal(answer.status, 200);
  const speech = Buffer.from(await answer.arrayBuffer());
  return Buffer.concat([Buffer.alloc(24_000), speech, Buffer.alloc(72_000)]);
}
