import assert from 'node:assert/strict';
import { test } from 'node:test';
import { modelManifestSchema } from '../../models/manifest.ts';
import { deliveryOf } from './delivery.ts';
import { espeakManifest } from './manifest.ts';
import { listVoices } from './voice-list.ts';
import list from './voices.json' with { type: 'json' };
import { VOICES } from './voices.ts';
import { loadEspeak } from './wasm.ts';

test('the shipped list is what the real engine lists', async () => {
  assert.deepEqual(list, listVoices(await loadEspeak()));
});

test('the engine has every listed voice', async () => {
  const espeak = await loadEspeak();
  for (const { speaker } of VOICES) espeak.deliver(deliveryOf(String(speaker), 1, 0));
  assert.throws(() => espeak.deliver(deliveryOf('gmw/nowhere', 1, 0)), { code: 'voice_not_found' });
});

test('voices have ids of their own and the manifest follows the schema', () => {
  assert.equal(new Set(VOICES.map(({ id }) => id)).size, VOICES.length);
  const byId = new Map(VOICES.map((voice) => [voice.id, voice]));
  assert.equal(byId.get('en-us')?.language, 'en-US');
  assert.equal(byId.get('en-us+f3')?.gender, 'female');
  assert.deepEqual(modelManifestSchema.parse(espeakManifest), espeakManifest);
  modelManifestSchema.parse({ ...espeakManifest, voices: VOICES });
});
