import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadSettings } from '../../config/load.ts';
import { SpeechError } from '../../errors.ts';
import { readChange, readParameters } from './parameters.ts';

const { settings } = loadSettings({ env: { OS_STREAM_ENDPOINTING_MS: '450', OS_STREAM_VAD_THRESHOLD: '0.7' } });
const refused = (param: string, code = 'invalid_request') => {
  return (error: unknown) => error instanceof SpeechError && error.param === param && error.code === code;
};

test('an empty query asks for what the settings say', () => {
  assert.deepEqual(readParameters({}, settings), {
    encoding: 'pcm_s16le',
    sampleRate: 16_000,
    interimResults: true,
    listening: {
      words: true,
      partials: true,
      turns: { kind: 'voice', threshold: 0.7, prefixMs: 300, silenceMs: 450 },
    },
  });
});

test('every parameter is obeyed', () => {
  const query = {
    ...{ model: 'whisper-1', language: 'de-AT', prompt: 'Köln', sample_rate: '48000', encoding: 'linear32' },
    ...{ interim_results: 'False', endpointing: '800', vad: '1', words: '0', denoise: 'true', ticket: 'st_x' },
  };
  assert.deepEqual(readParameters(query, settings), {
    encoding: 'pcm_f32le',
    sampleRate: 48_000,
    interimResults: false,
    denoise: true,
    listening: {
      ...{ model: 'whisper-1', language: 'de-AT', prompt: 'Köln', words: false, partials: true },
      turns: { kind: 'voice', threshold: 0.7, prefixMs: 300, silenceMs: 800 },
    },
  });
  assert.deepEqual(readParameters({ vad: 'false' }, settings).listening.turns, { kind: 'manual' });
  assert.equal(readParameters({ encoding: 'g711_ulaw' }, settings).sampleRate, 8000);
  assert.equal(readParameters({ encoding: 'alaw', sample_rate: '16000' }, settings).sampleRate, 16_000);
});

test('what cannot be is refused with the parameter at fault', () => {
  const bad: [Record<string, unknown>, string, string?][] = [
    [{ sample_rate: '0' }, 'sample_rate', 'unsupported_value'],
    [{ sample_rate: '7999' }, 'sample_rate', 'unsupported_value'],
    [{ sample_rate: '192001' }, 'sample_rate', 'unsupported_value'],
    [{ sample_rate: '-16000' }, 'sample_rate'],
    [{ sample_rate: '16000.5' }, 'sample_rate'],
    [{ sample_rate: '1e4' }, 'sample_rate'],
    [{ encoding: 'opus' }, 'encoding', 'unsupported_value'],
    [{ encoding: 'constructor' }, 'encoding', 'unsupported_value'],
    [{ endpointing: '9' }, 'endpointing'],
    [{ endpointing: '60001' }, 'endpointing'],
    [{ endpointing: 'false' }, 'endpointing'],
    [{ vad: 'maybe' }, 'vad'],
    [{ denoise: 'near_field' }, 'denoise'],
    [{ interim_results: 'constructor' }, 'interim_results'],
    [{ language: 'not a tag' }, 'language'],
    [{ prompt: 'x'.repeat(4097) }, 'prompt', 'text_too_long'],
    [{ model: ['a', 'b'] }, 'model'],
    [{ punctuate: 'true' }, 'punctuate'],
    [{ __proto__x: '1' }, '__proto__x'],
  ];
  for (const [query, param, code] of bad) {
    assert.throws(() => readParameters(query, settings), refused(param, code), JSON.stringify(query).slice(0, 80));
  }
  for (const good of [
    { sample_rate: '8000' },
    { sample_rate: '192000' },
    { endpointing: '10' },
    { endpointing: '60000' },
  ]) {
    readParameters(good, settings);
  }
});

test('a change says what it changes and nothing else', () => {
  assert.deepEqual(readChange({ type: 'config' }, settings), { listening: {} });
  const change = { type: 'config', language: 'fr', interim_results: false, endpointing: 700 };
  assert.deepEqual(readChange(change, settings), {
    interimResults: false,
    listening: { language: 'fr', turns: { kind: 'voice', threshold: 0.7, prefixMs: 300, silenceMs: 700 } },
  });
  for (const [name, value] of [
    ['language', 7],
    ['language', '?'],
    ['interim_results', 'true'],
    ['endpointing', '300'],
    ['endpointing', 5],
    ['endpointing', Number.NaN],
    ['model', 'other'],
    ['sample_rate', 8000],
  ] as const) {
    assert.throws(() => readChange({ type: 'config', [name]: value }, settings), refused(name), name);
  }
});
