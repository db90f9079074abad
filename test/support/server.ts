import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { loadSettings } from '../../src/config/load.ts';
import type { ModelManifest } from '../../src/models/manifest.ts';
import { type OpenSpeech, startOpenSpeech } from '../../src/open-speech.ts';
import type { Outside } from '../../src/speech/library.ts';
import { openLog } from '../../src/telemetry/log.ts';
import { buildToneRecogniser } from '../models/tone-recogniser.ts';
import { buildToneVoice } from '../models/tone-voice.ts';
import { until } from './until.ts';

export const TEST_KEY = 'Xq72mV9kd-server-4fTz';

export interface TestServer {
  url: string;
  key: string;
  dataDir: string;
  server: OpenSpeech;
  /** Lines of the log so far. */
  log: string[];
  /** Calls the server with the key. */
  fetch: (path: string, init?: RequestInit) => Promise<Response>;
  stop(): Promise<void>;
}

export interface TestServerOptions {
  /** Settings by environment name. */
  env?: Record<string, string>;
  /** Adds real small models: `tone-voice` speaks each letter as a tone, `tone-ear` reads them back. */
  tones?: boolean;
  /** Seconds of audio to compute for a second of sound, about: makes the tone models as slow as neural ones. */
  gigaflopPerSecond?: number;
  /** In place of the shipped catalogue and of the hubs. */
  outside?: Outside;
}

/** Starts a real server on a free port with a data folder of its own. */
export async function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  const dataDir = mkdtempSync(join(tmpdir(), 'open-speech-test-'));
  if (options.tones) await addToneModels(join(dataDir, 'models'), options.gigaflopPerSecond);
  const { settings } = loadSettings({
    env: {
      ...{ OS_DATA_DIR: dataDir, OS_PORT: '0', OS_API_KEY: TEST_KEY, OS_RATE_LIMIT: '0' },
      OS_FETCH_FIRST_MODELS: 'false',
      ...options.env,
    },
  });
  const log: string[] = [];
  const lines = openLog({ level: 'debug', write: (line) => log.push(line) });
  const server = await startOpenSpeech(settings, lines, options.outside);
  return {
    url: server.url,
    key: TEST_KEY,
    dataDir,
    server,
    log,
    fetch: (path, init = {}) =>
      fetch(server.url + path, { ...init, headers: { authorization: `Bearer ${TEST_KEY}`, ...init.headers } }),
    async stop() {
      await server.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** The same for the length of one test, however it ends. */
export async function serveDuring(test: TestContext, options?: TestServerOptions): Promise<TestServer> {
  const server = await startServer(options);
  test.after(() => server.stop());
  return server;
}

/**
 * The same with tone models that are as slow as neural ones, about this many 10⁹ operations for a second of sound, and
 * room for one call of each. The voice is already loaded.
 */
export async function serveSlowly(
  test: TestContext,
  gigaflopPerSecond: number,
  env: Record<string, string> = {},
): Promise<TestServer> {
  const models = {
    TTS_MODEL: 'tone-voice',
    STT_MODEL: 'tone-ear',
    TTS_PRELOAD_MODELS: 'tone-voice',
    OS_MODEL_TTL: '0',
  };
  const one = { OS_ENGINE_PROCESSES: '1', OS_ENGINE_THREADS: '4' };
  const slow = await serveDuring(test, { tones: true, gigaflopPerSecond, env: { ...models, ...one, ...env } });
  const { router } = slow.server.service;
  await until(() => router.status().models.some(({ id, state }) => id === 'tone-voice' && state === 'loaded'));
  return slow;
}

/** Puts the tone models where a server looks for models. */
export async function addToneModels(modelDir: string, gigaflopPerSecond?: number): Promise<void> {
  const work = gigaflopPerSecond === undefined ? {} : { gigaflopPerSecond };
  await addModel(modelDir, 'tone-voice', (folder) => buildToneVoice(folder, { id: 'tone-voice', ...work }));
  await addModel(modelDir, 'tone-ear', (folder) => buildToneRecogniser(folder, { id: 'tone-ear', ...work }));
}

async function addModel(
  modelDir: string,
  id: string,
  build: (folder: string) => ModelManifest | Promise<ModelManifest>,
): Promise<void> {
  const folder = join(modelDir, id);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(await build(folder)));
}
