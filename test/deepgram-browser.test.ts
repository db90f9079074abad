/** A real browser's MediaRecorder, whose chunks go to Deepgram's protocol as they come: the way most pages caption live. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fromS16le } from '../src/audio/pcm.ts';
import { ALLOW_MICROPHONE, launchBrowser, needsBrowser } from './support/browser.ts';
import { serveDuring } from './support/server.ts';
import { spokenPcm } from './support/spoken.ts';
import { wavFile } from './support/wav.ts';

const TEXT = 'good morning';
/** A busy machine stretches sounds, and the tone recogniser writes a long one twice. */
const HEARD = /^g+o+d+ +m+o+r+n+i+n+g+$/;

// What runs inside the browser is text here: these files are checked for Node, which has no document.
const RECORD = `async ({ url, key, type }) => {
  const microphone = await navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
  const socket = new WebSocket(url, ['token', key]);
  const messages = [];
  socket.onmessage = ({ data }) => messages.push(JSON.parse(data));
  const closed = new Promise((resolve) => { socket.onclose = ({ code }) => resolve(code); });
  await new Promise((resolve) => { socket.onopen = resolve; });
  const recorder = new MediaRecorder(microphone, { mimeType: type });
  let chunks = 0;
  recorder.ondataavailable = ({ data }) => { chunks++; if (data.size > 0) socket.send(data); };
  const stopped = new Promise((resolve) => { recorder.onstop = resolve; });
  recorder.start(100);
  while (!messages.some(({ is_final }) => is_final)) await new Promise((resolve) => setTimeout(resolve, 50));
  recorder.stop();
  await stopped;
  for (const track of microphone.getTracks()) track.stop();
  socket.send(JSON.stringify({ type: 'CloseStream' }));
  return { code: await closed, chunks, messages };
}`;

interface Told {
  type: string;
  is_final?: boolean;
  duration?: number;
  channel?: { alternatives: { transcript: string }[] };
}

test('what a browser records is heard while it is recorded', { skip: needsBrowser() }, async (t) => {
  const server = await serveDuring(t, {
    tones: true,
    env: { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear', OS_MODEL_TTL: '0' },
  });
  const folder = mkdtempSync(join(tmpdir(), 'deepgram-browser-'));
  const microphone = join(folder, 'microphone.wav');
  // The fake microphone begins again where its file ends.
  const speech = Buffer.concat([await spokenPcm(server, TEXT), Buffer.alloc(60 * 48_000)]);
  writeFileSync(microphone, wavFile(fromS16le(speech)));
  const browser = await launchBrowser(ALLOW_MICROPHONE, `--use-file-for-fake-audio-capture=${microphone}`);
  t.after(async () => {
    await browser.close();
    rmSync(folder, { recursive: true });
  });
  // Only a page of this server may reach it from here, and the server's pages may do little.
  const page = await (await browser.newContext({ bypassCSP: true })).newPage();
  await page.goto(`${server.url}/health`);
  for (const type of ['audio/webm;codecs=opus', 'audio/mp4;codecs=opus']) {
    const url = `${server.url.replace('http', 'ws')}/v1/listen?model=nova-3`;
    const given = JSON.stringify({ url, key: server.key, type });
    const told = await page.evaluate<{ code: number; chunks: number; messages: Told[] }>(`(${RECORD})(${given})`);
    assert.equal(told.code, 1000, JSON.stringify(told.messages));
    assert.ok(told.chunks > 10, `${told.chunks} chunks`);
    const finals = told.messages.filter(({ is_final }) => is_final);
    const text = finals.map(({ channel }) => channel!.alternatives[0]!.transcript).join(' ');
    assert.match(text, HEARD, type);
    assert.equal(told.messages.at(-1)!.type, 'Metadata');
  }
});
