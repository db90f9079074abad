/**
 * The page at `/` in a real browser against a real server: what a person sees and hears on first meeting Open Speech.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import type { Browser, Locator, Page } from 'playwright-core';
import {
  ALLOW_MICROPHONE,
  enterKey,
  launchBrowser,
  namelessControls,
  needsBrowser,
  watchedPage,
} from './support/browser.ts';
import { buildPage } from './support/built-page.ts';
import { HOSTS, Hub, testWorld } from './support/hub.ts';
import { serveDuring, startServer, type TestServer } from './support/server.ts';
import { shipTones } from './support/shipped-tones.ts';
import { until } from './support/until.ts';

describe('the page in a browser', { skip: needsBrowser() }, () => {
  let server: TestServer;
  let browser: Browser;
  let folder: string;

  before(async () => {
    await buildPage();
    folder = mkdtempSync(join(tmpdir(), 'open-speech-page-'));
    server = await startServer({ tones: true, env: { TTS_MODEL: 'espeak' } });
    browser = await launchBrowser(ALLOW_MICROPHONE);
  });

  after(async () => {
    await browser?.close();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A fresh visitor, and everything that went wrong in the visitor's browser. */
  async function visit(path = '/', at = server): Promise<{ page: Page; leave: () => Promise<void> }> {
    const context = await browser.newContext({ acceptDownloads: true });
    const urls: string[] = [];
    context.on('request', (request) => urls.push(request.url()));
    const { page, wrong } = await watchedPage(context);
    await page.goto(at.url + path);
    const leave = async (): Promise<void> => {
      const kept = await page.evaluate<string>('JSON.stringify(localStorage) + document.cookie');
      await context.close();
      assert.deepEqual(wrong, []);
      const origin = new URL(at.url).origin;
      for (const url of urls) {
        assert.ok(url.startsWith(`${origin}/`) || url.startsWith(`blob:${origin}/`), `${url} is not ours`);
        assert.ok(!url.includes(server.key), 'the key is in a URL');
      }
      assert.ok(!kept.includes(server.key), 'the key is kept beyond the tab');
    };
    return { page, leave };
  }

  async function visitWithKey(path = '/', at = server): Promise<Awaited<ReturnType<typeof visit>>> {
    const visitor = await visit(path, at);
    await enterKey(visitor.page, at.key);
    await visitor.page.getByRole('navigation', { name: 'Main' }).waitFor();
    return visitor;
  }

  /** A recording whose words are known: what the tone voice says and the tone recogniser reads. */
  async function recordingOf(text: string): Promise<string> {
    const answer = await server.fetch('/v1/audio/speech', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'tone-voice', input: text, response_format: 'wav' }),
    });
    assert.equal(answer.status, 200);
    const file = join(folder, 'recording.wav');
    writeFileSync(file, Buffer.from(await answer.arrayBuffer()));
    return file;
  }

  test('a wrong key is refused in words, the right one opens the page, and forgetting it closes the page', async () => {
    const { page, leave } = await visit();
    await enterKey(page, 'wrong-key');
    await page.getByRole('alert').getByText('That key was not accepted').waitFor();
    assert.equal(await page.getByRole('navigation', { name: 'Main' }).count(), 0);

    await enterKey(page, server.key);
    await page.getByRole('heading', { name: 'Speak', level: 1 }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Speak', level: 1 }).waitFor();

    await page.getByRole('button', { name: 'Forget key' }).click();
    await page.getByLabel('API key', { exact: true }).waitFor();
    assert.equal(await page.evaluate('sessionStorage.length'), 0);
    await leave();
  });

  test('words that are typed are spoken, heard while they arrive, and can be saved', async () => {
    const { page, leave } = await visitWithKey();
    await page.getByRole('textbox', { name: 'Text' }).fill('Good morning. The kettle is on and the window is open.');
    await page.keyboard.press('Control+Enter');
    await page
      .getByRole('status')
      .filter({ hasText: /First sound after \d/ })
      .waitFor();
    const player = page.getByRole('region', { name: 'Spoken audio' });
    await player.getByRole('button', { name: 'Save' }).waitFor();

    const position = player.getByRole('slider', { name: 'Position' });
    const seconds = async (name: string): Promise<number> => Number(await position.getAttribute(name));
    await until(async () => (await seconds('aria-valuenow')) > 0.3);
    assert.ok((await seconds('aria-valuemax')) > 1.5, 'the audio is shorter than its words');

    const download = page.waitForEvent('download');
    await player.getByRole('button', { name: 'Save' }).click();
    const saved = await download;
    assert.equal(saved.suggestedFilename(), 'Good morning The kettle is on.mp3');
    const bytes = readFileSync(await saved.path());
    assert.ok(bytes.length > 4000 && (bytes[0] === 0xff || bytes.toString('latin1', 0, 3) === 'ID3'), 'not an MP3');
    await leave();
  });

  test('a voice is found among all of them by typing its language', async () => {
    const { page, leave } = await visitWithKey();
    const voice = page.getByRole('combobox', { name: 'Voice' });
    await voice.click();
    await page.keyboard.type('icelandic');
    await page.keyboard.press('Enter');
    assert.match(await voice.inputValue(), /Icelandic/);
    const request = page.waitForRequest(/\/v1\/audio\/speech$/);
    await page.getByRole('textbox', { name: 'Text' }).fill('Halló.');
    await page.getByRole('button', { name: 'Speak' }).click();
    assert.equal((await request).postDataJSON().voice, 'is');
    await page.getByRole('button', { name: 'Save' }).waitFor();
    await leave();
  });

  test('faulty SSML is answered with what is wrong in it', async () => {
    const { page, leave } = await visitWithKey();
    await page.getByRole('switch', { name: 'SSML' }).check();
    await page.getByRole('textbox', { name: 'Text' }).fill('<speak><shout>Hello</shout></speak>');
    await page.getByRole('button', { name: 'Speak' }).click();
    await page.getByRole('alert').getByText('shout').waitFor();
    await leave();
  });

  test('a file is read out as words and can be saved as text and as subtitles', async () => {
    const { page, leave } = await visitWithKey('/#/transcribe');
    await page.getByLabel('Recording file').setInputFiles(await recordingOf('hello open speech'));
    await page.getByRole('button', { name: 'Transcribe' }).click();
    await page.getByRole('log', { name: 'Recognised words' }).getByText('hello open speech').waitFor();
    await page.getByRole('status').filter({ hasText: 'Done in' }).waitFor();

    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save' }).click();
    const saved = await download;
    assert.equal(saved.suggestedFilename(), 'recording.txt');
    assert.equal(readFileSync(await saved.path(), 'utf8'), 'hello open speech\n');

    await page.getByRole('button', { name: 'Play from 0:00' }).waitFor();
    await page.getByRole('combobox', { name: 'Format' }).click();
    await page.getByRole('option', { name: 'SRT subtitles' }).click();
    const subtitles = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save' }).click();
    const lines = readFileSync(await (await subtitles).path(), 'utf8');
    assert.match(lines, /^1\n00:00:00,\d{3} --> 00:00:0\d,\d{3}\nhello open speech\n$/);
    await leave();
  });

  test('a file that is no recording is answered with what is wrong with it', async () => {
    const { page, leave } = await visitWithKey('/#/transcribe');
    const file = join(folder, 'page.wav');
    writeFileSync(file, '<html>not sound</html>');
    await page.getByLabel('Recording file').setInputFiles(file);
    await page.getByRole('button', { name: 'Transcribe' }).click();
    await page.getByRole('alert').getByText('That could not be transcribed').waitFor();
    await leave();
  });

  test('the microphone is recorded with its loudness shown, and the recording can be read', async () => {
    const { page, leave } = await visitWithKey('/#/transcribe');
    await page.getByRole('button', { name: 'Record' }).click();
    // The stand-in beeps once a second.
    const loudness = page.getByRole('meter', { name: 'Loudness' });
    await until(async () => Number(await loudness.getAttribute('value')) > 0.2);
    await page.getByRole('button', { name: 'Finish' }).click();
    await page.getByText('recording.webm').waitFor();
    await page.getByRole('button', { name: 'Transcribe' }).click();
    await page.getByRole('status').filter({ hasText: 'Done in' }).waitFor();
    await leave();
  });

  /** A server without models whose catalogue is the tone models, to be had from a hub on this machine. */
  async function serveShop(t: TestContext): Promise<{ hub: Hub; shop: TestServer }> {
    const hub = await Hub.start();
    t.after(() => hub.close());
    const [voice, ear] = await shipTones(hub);
    // Large enough that its arrival can be watched.
    const ballast = { ...hub.file('tone-voice/ballast.bin', randomBytes(8 * 1024 * 1024)), path: 'ballast.bin' };
    const terms = { confidence: 'single-source', commercialUse: false, licence: 'CC-BY-NC-4.0' } as const;
    const shop = await serveDuring(t, {
      env: { OS_MODEL_HOSTS: HOSTS.join(',') },
      outside: { shipped: [{ ...voice!, ...terms, files: [...voice!.files, ballast] }, ear!], world: testWorld() },
    });
    return { hub, shop };
  }

  /** Downloads a model, with whatever has to be agreed to. */
  async function pull(page: Page, id: string): Promise<void> {
    await page.getByRole('button', { name: `Download ${id}` }).click();
    const dialog = page.getByRole('dialog');
    for (const consent of await dialog.getByRole('checkbox').all()) await consent.check();
    await dialog.getByRole('button', { name: 'Download' }).click();
  }

  test('the models, their state, the defaults and the health of the server are shown', async () => {
    const { page, leave } = await visitWithKey('/#/models');
    await page.getByRole('region', { name: 'Server' }).getByText('Ready').waitFor();
    const models = page.getByRole('region', { name: 'All models' });
    await models
      .getByRole('listitem', { name: 'espeak' })
      .getByText(/^(Installed|In memory)$/)
      .waitFor();
    await models.getByRole('listitem', { name: 'tone-ear' }).getByText('Speech to text').waitFor();
    const defaults = page.getByRole('region', { name: 'Defaults' });
    await defaults.getByText('espeak').waitFor();
    await page.waitForLoadState('networkidle');
    assert.equal(await defaults.getByRole('button').count(), 0, 'what a setting chose is not taken back here');
    await leave();
  });

  test('models are found by task, language, place and words, and a reload keeps what was asked for', async () => {
    const { page, leave } = await visitWithKey('/#/models');
    const models = page.getByRole('region', { name: 'All models' });
    const entry = (name: string): Locator => models.getByRole('listitem', { name, exact: true });
    await entry('canary-180m-flash').waitFor();

    await models.getByRole('radio', { name: /^Speech to text/ }).focus();
    await page.keyboard.press('Space');
    await entry('kitten-nano').waitFor({ state: 'detached' });
    await models.getByRole('combobox', { name: 'Language' }).click();
    await page.keyboard.type('russian');
    await page.keyboard.press('Enter');
    await entry('moonshine-tiny-en').waitFor({ state: 'detached' });
    await page.reload();
    await entry('gigaam-v3-ru').waitFor();
    assert.equal(await entry('moonshine-tiny-en').count(), 0);

    await models.getByRole('searchbox').fill('no such thing');
    await models.getByText('No model is like that').waitFor();
    await models.getByRole('button', { name: 'Show all' }).click();
    await models.getByRole('radio', { name: /^Installed/ }).check();
    await entry('tone-ear').waitFor();
    assert.equal(await entry('gigaam-v3-ru').count(), 0);
    await leave();
  });

  test('a model is fetched after its terms are accepted, is loaded, kept, made the default and deleted', async (t) => {
    const { hub, shop } = await serveShop(t);
    const { page, leave } = await visitWithKey('/#/models', shop);
    const voice = page.getByRole('listitem', { name: 'tone-voice' });
    const dialog = page.getByRole('dialog');
    const ask = async (item: string): Promise<void> => {
      await voice.getByRole('button', { name: 'More for tone-voice' }).click();
      await page.getByRole('menuitem', { name: item }).click();
    };

    await voice.getByText('No commercial use').waitFor();
    hub.pauseMs = 100;
    await voice.getByRole('button', { name: 'Download tone-voice' }).click();
    await dialog.getByText('CC-BY-NC-4.0').first().waitFor();
    await dialog.getByText(/^\d+(\.\d)? [GT]B$/).waitFor();
    await dialog.getByRole('button', { name: 'Download' }).click();
    assert.equal(await dialog.getByText('Needed before').count(), 2);
    assert.equal(hub.requests.length, 0);
    for (const consent of await dialog.getByRole('checkbox').all()) await consent.check();
    await dialog.getByRole('button', { name: 'Download' }).click();

    const bar = voice.getByRole('progressbar', { name: 'Download of tone-voice' });
    const percent = async (): Promise<number> => Number(await bar.getAttribute('aria-valuenow'));
    await until(async () => (await percent()) > 2);
    await voice.getByText(/ of 8\.\d MB$/).waitFor();
    await page.reload();
    await until(async () => (await percent()) > 4);
    hub.pauseMs = 0;

    await voice.getByRole('button', { name: 'Load tone-voice' }).click();
    await voice.getByText('of memory in use').waitFor();
    await ask('Keep in memory');
    await voice.getByText('Kept in memory').waitFor();
    await ask('Let it go when unused');
    await voice.getByText('Kept in memory').waitFor({ state: 'detached' });
    await voice.getByRole('button', { name: 'Unload tone-voice' }).click();
    await voice.getByRole('button', { name: 'Load tone-voice' }).waitFor();

    await ask('Use as default…');
    await dialog.getByRole('button', { name: 'Use as default' }).click();
    const defaults = page.getByRole('region', { name: 'Defaults' });
    await defaults.getByRole('button', { name: /^Take back tone-voice/ }).click();
    await defaults.getByRole('button', { name: /^Take back tone-voice/ }).waitFor({ state: 'detached' });

    await ask('Delete…');
    await dialog.getByRole('button', { name: 'Delete' }).waitFor();
    await page.keyboard.press('Escape');
    await until(async () => (await page.evaluate('document.activeElement.id')) === 'model-tone-voice');
    await ask('Delete…');
    await dialog.getByRole('button', { name: 'Delete' }).click();
    await voice.getByRole('button', { name: 'Download tone-voice' }).waitFor();
    await leave();
  });

  test('a download is cancelled, and goes on from there when it is asked for again', async (t) => {
    const { hub, shop } = await serveShop(t);
    const { page, leave } = await visitWithKey('/#/models', shop);
    const voice = page.getByRole('listitem', { name: 'tone-voice' });
    const bar = voice.getByRole('progressbar', { name: 'Download of tone-voice' });
    hub.pauseMs = 50;
    hub.holdAt = 1_000_000;
    await pull(page, 'tone-voice');
    await until(async () => Number(await bar.getAttribute('aria-valuenow')) > 4);
    await voice.getByRole('button', { name: 'Cancel tone-voice' }).click();
    await voice.getByRole('button', { name: 'Download tone-voice' }).waitFor();
    assert.equal(await bar.count(), 0);
    assert.equal(await voice.getByRole('alert').count(), 0);
    await page.getByRole('status', { name: 'News of models' }).getByText('tone-voice: Download cancelled').waitFor();
    const from = hub.requests.length;
    hub.pauseMs = 0;
    hub.holdAt = Number.POSITIVE_INFINITY;
    await pull(page, 'tone-voice');
    await voice.getByRole('button', { name: 'Load tone-voice' }).waitFor();
    assert.ok(hub.requests.slice(from).some(({ headers }) => headers.range !== undefined));
    await leave();
  });

  test('a download that fails says why and what mends it, and can be tried again', async (t) => {
    const { hub, shop } = await serveShop(t);
    const { page, leave } = await visitWithKey('/#/models', shop);
    const ear = page.getByRole('listitem', { name: 'tone-ear' });
    hub.misbehave = (_request, response) => {
      response.writeHead(404).end();
      return true;
    };
    await pull(page, 'tone-ear');
    await ear.getByText(/hub\.test/).waitFor();
    await ear.getByText('open-speech models pull tone-ear').waitFor();
    hub.misbehave = () => false;
    await pull(page, 'tone-ear');
    await ear.getByRole('button', { name: 'Load tone-ear' }).waitFor();
    await leave();
  });

  test('everything has a name, works by keyboard, and has one heading at its top', async () => {
    const { page, leave } = await visitWithKey();
    assert.equal(await page.locator('html').getAttribute('lang'), 'en');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to content');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate('document.activeElement.tagName'), 'MAIN');
    for (const name of ['Speak', 'Transcribe', 'Live', 'Models']) {
      const link = page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name });
      await link.focus();
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name, level: 1 }).waitFor();
      assert.equal(await link.getAttribute('aria-current'), 'page');
      assert.equal(await page.title(), `${name} · Open Speech`);
      assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1);
      assert.deepEqual(await namelessControls(page), []);
    }
    await leave();
  });

  test('the page may run nothing but its own files', async () => {
    const answer = await fetch(server.url);
    const policy = answer.headers.get('content-security-policy') ?? '';
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /script-src 'self'(;|$)/);
    assert.doesNotMatch(policy, /unsafe-|\*|https?:/);
    const html = await answer.text();
    assert.doesNotMatch(html, /__CSP_NONCE__|<script(?![^>]*\bsrc=)|\son\w+=|style=/);
    assert.ok(policy.includes(/nonce="([^"]+)"/.exec(html)?.[1] ?? '-'), 'the nonce is not the one in the policy');
  });
});
