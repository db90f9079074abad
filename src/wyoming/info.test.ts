import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameReader } from '../engines/wyoming/framing.ts';
import type { Catalog, CatalogModel } from '../models/catalog.ts';
import type { Names } from '../models/names.ts';
import { infoMaker } from './info.ts';

const BOUNDS = { headerBytes: 65_536, dataBytes: 1_000_000, payloadBytes: 0 };

function model(id: string, kind: 'stt' | 'tts', available = true): CatalogModel {
  const voices = [{ id: 'v', name: 'Vera', language: 'de-AT' }];
  const capabilities =
    kind === 'stt' ? { transcribe: { languages: ['de', 'en'] } } : { speak: { voices, languages: ['de'] } };
  return { manifest: { id, kind, engine: 'e', revision: '1', description: '' }, capabilities, available } as never;
}

test('only what works is told, and it is put together anew when the models have changed', () => {
  let list: CatalogModel[] = [];
  const catalog = { list: () => [...list] } as unknown as Catalog;
  const info = infoMaker({ catalog, names: {} as Names, version: '1', endpointing: false });
  const told = () => {
    const [event] = [...new FrameReader(BOUNDS).read(info())];
    const { asr, tts } = event!.data as Record<string, { models: { name: string }[]; voices: { name: string }[] }[]>;
    return [asr![0]?.models.map(({ name }) => name), tts![0]?.voices.map(({ name }) => name)];
  };
  assert.deepEqual(told(), [undefined, undefined], 'no program where there is nothing to do it with');
  list = [model('ear', 'stt'), model('broken', 'stt', false), model('voice', 'tts')];
  assert.deepEqual(told(), [['ear'], ['voice:v']]);
  assert.equal(info(), info(), 'the same bytes');
  list = [model('ear', 'stt')];
  assert.deepEqual(told(), [['ear'], undefined]);
});

test('the header stays short, however many voices there are', () => {
  const list = Array.from({ length: 500 }, (_, index) => model(`voice-${index}`, 'tts'));
  const catalog = { list: () => list } as unknown as Catalog;
  const bytes = infoMaker({ catalog, names: {} as Names, version: '1', endpointing: false })();
  assert.ok(bytes.length > 65_536 && bytes.indexOf('\n') < 100);
});
