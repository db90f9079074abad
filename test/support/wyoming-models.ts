import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { writeFiles } from '../models/files.ts';

/**
 * A model folder whose voice (`far-voice`) and recognisers (`far-ear`, `far-listener`) are those of a Wyoming server on
 * a port of this machine; gone after the test. More options are the manifest's own; `key` is an API key.
 */
export async function writeRemoteModels(
  t: TestContext,
  { key, ...options }: { port: number; key?: string },
): Promise<string> {
  const modelDir = mkdtempSync(join(tmpdir(), 'open-speech-remote-'));
  t.after(() => rmSync(modelDir, { recursive: true }));
  const common = { engine: 'wyoming', revision: '1', licence: 'MIT', languages: ['en'] };
  const server = { host: 'localhost', ...options };
  const voices = [
    { id: 'loud', name: 'Loud', language: 'en', speaker: 'tone-voice:tone-0' },
    { id: 'tone-voice:tone-1', name: 'Quiet', language: 'en' },
  ];
  for (const manifest of [
    { ...common, id: 'far-voice', kind: 'tts', family: 'tts', sampleRate: 24_000, voices, options: server },
    { ...common, id: 'far-ear', kind: 'stt', family: 'asr', options: server },
    {
      ...{ ...common, id: 'far-listener', kind: 'stt', family: 'asr' },
      options: { ...server, listen: true, model: 'tone-ear' },
    },
  ]) {
    const folder = join(modelDir, manifest.id);
    await mkdir(folder);
    const files = key === undefined ? [] : await writeFiles(folder, { 'key.txt': `${key}\n` });
    const assets = key === undefined ? {} : { assets: { key: 'key.txt' } };
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, files, ...assets }));
  }
  return modelDir;
}
