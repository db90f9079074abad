/**
 * The live page in a real browser whose microphone is a file: what is said is read along, answered, and interrupted.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import { fromS16le } from '../src/audio/pcm.ts';
import {
  ALLOW_MICROPHONE,
  enterKey,
  launchBrowser,
  namelessControls,
  needsBrowser,
  watchedPage,
} from './support/browser.ts';
import { buildPage } from './support/built-page.ts';
import { chatDuring, type Saying } from './support/chat.ts';
import { makeKey, withKeys } from './support/keys.ts';
import { serveDuring, startServer, type TestServer } from './support/server.ts';
import { spokenPcm } from './support/spoken.ts';
import { until } from './support/until.ts';
import { wavFile } from './support/wav.ts';

const TONES = { TTS_MODEL: 'tone-voice', TTS_VOICE: 'tone-0', STT_MODEL: 'tone-ear', OS_MODEL_TTL: '0' };
/** Keeps every microphone that the page was given, so that a test can tell whether it gave them back. */
const KEEP_TRACKS = `const { mediaDevices } = navigator;
const ask = mediaDevices.getUserMedia.bind(mediaDevices);
const tracks = [];
mediaDevices.getUserMedia = async (wanted) => {
  const stream = await ask(wanted);
  tracks.push(...stream.getTracks());
  return stream;
};
window.unplug = () => tracks.at(-1).dispatchEvent(new Event('ended'));
window.openMicrophones = () => tracks.filter(({ readyState }) => readyState === 'live').length;`;
/** A busy machine stretches sounds, and the tone recogniser writes a long one twice. */
const GOOD_MORNING = /^g+o+d+ +m+o+r+n+i+n+g+$/;

describe('the live page in a browser', { skip: needsBrowser() }, () => {
  let server: TestServer;
  let folder: string;

  before(async () => {
    await buildPage();
    folder = mkdtempSync(join(tmpdir(), 'open-speech-live-'));
    server = await startServer({ tones: true, env: TONES });
  });

  after(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /**
   * The live page of `at` for the length of a test, to somebody who waits two seconds, says `text`, is silent for
   * `pauseS`, and begins again.
   */
  async function visit(t: TestContext, said: { text: string; pauseS: number } | 'refused', at = server): Promise<Page> {
    const microphone: string[] = [];
    if (said !== 'refused') {
      const speech = await spokenPcm(server, said.text);
      const file = join(folder, `${said.text}-${said.pauseS}.wav`);
      writeFileSync(file, wavFile(fromS16le(Buffer.concat([silence(2), speech, silence(said.pauseS)]))));
      microphone.push(ALLOW_MICROPHONE, `--use-file-for-fake-audio-capture=${file}`);
    }
    const browser = await launchBrowser(...microphone);
    const context = await browser.newContext({ acceptDownloads: true });
    const { page, wrong } = await watchedPage(context);
    t.after(async () => {
      await browser.close();
      assert.deepEqual(wrong, []);
    });
    await context.addInitScript({ content: KEEP_TRACKS });
    await page.goto(`${at.url}/#/live`);
    await enterKey(page, at.key);
    await page.getByRole('heading', { name: 'Live', level: 1 }).waitFor();
    return page;
  }

  async function talker(t: TestContext, say: (question: string) => Saying[], pauseS: number) {
    const chat = await chatDuring(t, ({ messages }) => say(String(messages.at(-1)?.content ?? '')));
    const thinking = await serveDuring(t, {
      tones: true,
      env: { ...TONES, OS_LLM_URL: chat.url, OS_LLM_MODEL: 'thinker' },
    });
    const page = await visit(t, { text: 'good morning', pauseS }, thinking);
    await page.getByRole('radio', { name: 'Conversation' }).check();
    return { chat, page };
  }

  test('what is said is read along, one paragraph for each utterance, and can be saved', async (t) => {
    const page = await visit(t, { text: 'good morning', pauseS: 0 });
    await page.getByRole('button', { name: 'Start captions' }).focus();
    await page.keyboard.press('Enter');
    const words = page.getByRole('log', { name: 'Recognised words' });
    const paragraphs = words.getByRole('listitem').filter({ hasText: 'Final after' });
    await paragraphs.nth(1).waitFor();
    const level = page.getByRole('meter', { name: 'Loudness' });
    await until(async () => Number(await level.getAttribute('value')) > 0.2);
    assert.match((await paragraphs.first().textContent()) ?? '', /^0:0\dg.+Final after/);
    await page.getByRole('status').filter({ hasText: GOOD_MORNING }).waitFor({ state: 'attached' });
    assert.deepEqual(await namelessControls(page), []);

    assert.equal(await focused(page), 'Stop', 'the keyboard stays where it was');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Go on' }).waitFor();
    assert.equal(await focused(page), 'Go on');
    await page.keyboard.press('Control+Enter');
    await page.getByText('Listening').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Go on' }).waitFor();
    assert.equal(await level.count(), 0);
    assert.equal(await page.evaluate('openMicrophones()'), 0);
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save' }).click();
    const saved = await download;
    assert.equal(saved.suggestedFilename(), 'captions.txt');
    for (const line of readFileSync(await saved.path(), 'utf8')
      .trim()
      .split('\n')
      .slice(0, 2)) {
      assert.match(line, GOOD_MORNING);
    }
    await page.getByRole('button', { name: 'Clear' }).click();
    await words.waitFor({ state: 'detached' });
  });

  test('a line that the server ends says why, and one button goes on behind what was said', async (t) => {
    const leaving = await serveDuring(t, { tones: true, env: { ...TONES, OS_WS_MAX_SESSION_S: '10' } });
    const page = await visit(t, { text: 'good morning', pauseS: 0 }, leaving);
    await page.getByRole('button', { name: 'Start captions' }).click();
    await page.getByRole('alert').getByText('The time is up').waitFor();
    const paragraphs = page.getByRole('log', { name: 'Recognised words' }).getByRole('listitem');
    const before = await paragraphs.count();
    assert.ok(before > 0);
    await page.getByRole('button', { name: 'Go on' }).click();
    await paragraphs.nth(before).getByText(GOOD_MORNING).waitFor();
  });

  test('who leaves the page leaves no microphone on, and finds what was said', async (t) => {
    const page = await visit(t, { text: 'good morning', pauseS: 0 });
    await page.getByRole('button', { name: 'Start captions' }).click();
    const paragraphs = page.getByRole('log', { name: 'Recognised words' }).getByRole('listitem');
    await paragraphs.first().waitFor();
    assert.equal(await page.evaluate('openMicrophones()'), 1);
    await page.getByRole('link', { name: 'Models' }).click();
    await page.getByRole('heading', { name: 'Models', level: 1 }).waitFor();
    assert.equal(await page.evaluate('openMicrophones()'), 0);
    await page.getByRole('link', { name: 'Live' }).click();
    await paragraphs.first().waitFor();
    await page.getByRole('button', { name: 'Go on' }).waitFor();
  });

  test('a microphone that is refused is said in words', async (t) => {
    const page = await visit(t, 'refused');
    await page.getByRole('button', { name: 'Start captions' }).click();
    await page.getByRole('alert').getByText('not allowed to use the microphone').waitFor();
    await page.getByRole('button', { name: 'Start captions' }).waitFor();
  });

  test('a microphone that is unplugged is said in words, and what was heard of it is still recognised', async (t) => {
    const page = await visit(t, { text: 'good morning', pauseS: 0 });
    const sent: string[] = [];
    page.on('websocket', (socket) => {
      socket.on('framesent', ({ payload }) => typeof payload === 'string' && sent.push(payload));
    });
    await page.getByRole('button', { name: 'Start captions' }).click();
    await page.getByRole('log', { name: 'Recognised words' }).getByRole('listitem').first().waitFor();
    await page.evaluate('unplug()');
    await page.getByRole('alert').getByText('The microphone is gone').waitFor();
    await page.getByRole('button', { name: 'Go on' }).waitFor();
    assert.deepEqual(sent, ['{"type":"stop"}']);
    assert.equal(await page.evaluate('openMicrophones()'), 0);
  });

  test('a key that ends while somebody speaks is said in words, and another one is asked for', async (t) => {
    const { token, key } = await makeKey(server, ['speech']);
    const page = await visit(t, { text: 'good morning', pauseS: 0 }, { ...server, key: token });
    await page.getByRole('button', { name: 'Start captions' }).click();
    await page.getByRole('log', { name: 'Recognised words' }).getByRole('listitem').first().waitFor();
    await withKeys(server, (keys) => keys.revoke(key.id));
    await page.getByRole('alert').getByText('Your key has ended').waitFor();
    assert.equal(await page.evaluate('openMicrophones()'), 0);
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByLabel('API key', { exact: true }).waitFor();
    assert.equal(await page.evaluate('openMicrophones()'), 0);
  });

  test('without a language model the page says what to set, and offers captions', async (t) => {
    const page = await visit(t, { text: 'good morning', pauseS: 0 });
    await page.getByRole('radio', { name: 'Conversation' }).check();
    await page.getByText('OS_LLM_URL=').waitFor();
    await page.getByRole('button', { name: 'Use captions' }).click();
    await page.getByRole('button', { name: 'Start captions' }).waitFor();
  });

  test('a question is answered in speech, and the page tells where the time went', async (t) => {
    const { chat, page } = await talker(t, () => ['good day to', ' you'], 30);
    await page.getByRole('textbox', { name: 'Instructions' }).fill('Be kind.');
    await page.getByRole('button', { name: 'Start talking' }).click();
    const turns = page.getByRole('log', { name: 'What was said' }).getByRole('listitem');
    await turns.nth(0).getByText(GOOD_MORNING).waitFor();
    await turns.nth(1).getByText('good day to you').waitFor();
    const latency = turns.nth(1).getByRole('button');
    for (const stage of ['Pause', 'Recognition', 'Language model', 'Speech', 'Playback']) {
      await latency.getByText(stage).waitFor();
    }
    await page.getByRole('log', { name: 'What was said' }).focus();
    await page.keyboard.press('Tab');
    await page.getByRole('tooltip').getByText('until the server was sure that you had finished').waitFor();
    const [system, question] = chat.requests[0]!.messages;
    assert.deepEqual(system, { role: 'system', content: 'Be kind.' });
    assert.match(String(question!.content), GOOD_MORNING);
    assert.deepEqual(await namelessControls(page), []);
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('button', { name: 'Go on' }).click();
    await until(() => chat.requests.length > 1);
    const [, before, answer, now] = chat.requests[1]!.messages;
    assert.deepEqual([before!.content, answer!.content], [question!.content, 'good day to you']);
    assert.match(String(now!.content), GOOD_MORNING);
  });

  test('who speaks into an answer silences it, and the rest of it counts as unsaid', async (t) => {
    const sentence = 'one two three four five six seven eight nine ten.';
    const answer = Array.from({ length: 6 }, () => sentence).join(' ');
    const { chat, page } = await talker(t, () => [answer], 0);
    await page.getByRole('button', { name: 'Start talking' }).click();
    const log = page.getByRole('log', { name: 'What was said' });
    await log.locator('s').first().waitFor();
    await until(() => chat.requests.length > 1);
    const heard = String(chat.requests[1]!.messages[1]!.content);
    assert.ok(answer.startsWith(heard) && heard.length < answer.length, heard);
    assert.match(String(chat.requests[1]!.messages[2]!.content), GOOD_MORNING);
  });
});

/** What the control that the keyboard is on says. */
function focused(page: Page): Promise<string | null> {
  return page.evaluate<string | null>(
    'document.activeElement.matches("button") ? document.activeElement.textContent : null',
  );
}

/** Of this many seconds, as `spokenPcm` gives it. */
function silence(seconds: number): Buffer {
  return Buffer.alloc(seconds * 48_000);
}
