import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelManifest } from '../../src/models/manifest.ts';
import { buildToneRecogniser } from '../models/tone-recogniser.ts';
import { buildToneVoice } from '../models/tone-voice.ts';
import type { Hub } from './hub.ts';

/** Puts the tone models on a hub, and returns the manifests that a catalogue would ship: a voice and a recogniser. */
export async function shipTones(hub: Hub, ids = { voice: 'tone-voice', ear: 'tone-ear' }): Promise<ModelManifest[]> {
  return [
    await ship(hub, (folder) => buildToneVoice(folder, { id: ids.voice })),
    await ship(hub, (folder) => buildToneRecogniser(folder, { id: ids.ear })),
  ];
}

async function ship(hub: Hub, build: (folder: string) => Promise<ModelManifest> | ModelManifest) {
  const folder = mkdtempSync(join(tmpdir(), 'open-speech-shipped-'));
  try {
    const manifest = await build(folder);
    const files = manifest.files.map(({ path }) => ({
      ...hub.file(`${manifest.id}/${path}`, readFileSync(join(folder, path))),
      path,
    }));
    return { ...manifest, files, confidence: 'two-sources' as const, commercialUse: true };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
