import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FUZZ_RUNS, mutateText, randomOf } from '../../../test/support/mutate.ts';
import { ENCODINGS } from '../../audio/sample-reader.ts';
import { loadSettings } from '../../config/load.ts';
import { SpeechError } from '../../errors.ts';
import type { Listening, ListeningOptions } from '../../live/contract.ts';
import { readParameters } from './parameters.ts';
import { StreamSession } from './stream-session.ts';

const { settings } = loadSettings({ env: {} });
const MESSAGES = [
  { type: 'config', language: 'de', interim_results: false, endpointing: 800 },
  { type: 'config', endpointing: 10 },
  { type: 'finalize' },
  { type: 'keep_alive' },
  { type: 'stop' },
].map((message) => JSON.stringify(message));

function begin(query: Record<string, string>) {
  const changes: Partial<ListeningOptions>[] = [];
  const samples = { count: 0, worst: 0 };
  const listening: Listening = {
    ...{ model: 'm', audioMs: 0, backlogMs: 0, openMs: 0 },
    push({ pcm }) {
      samples.count += pcm.length;
      for (const sample of pcm) if (!(Math.abs(sample) <= 1)) samples.worst = sample;
    },
    commit: () => undefined,
    clear() {},
    change: (options) => void changes.push(options),
    finish: () => Promise.resolve(),
    close() {},
  };
  const told: Record<string, unknown>[] = [];
  const send = (event: object) => void told.push(event as Record<string, unknown>);
  const session = new StreamSession(readParameters(query, settings), settings);
  session.begin({ send, sendError: send, close() {}, hold() {}, release() {} }, listening, 'id');
  return { session, told, changes, samples };
}

test('whatever a client says, it is answered, obeyed or passed over, and nothing else is changed', () => {
  const random = randomOf(23);
  let { session, told, changes } = begin({});
  let errors = 0;
  for (let run = 0; run < FUZZ_RUNS; run++) {
    session.text(mutateText(MESSAGES[random(MESSAGES.length)]!, random));
    for (const event of told.splice(0)) {
      if (event.type !== 'error') continue;
      errors++;
      assert.match(String(event.code), /^(invalid_json|invalid_request)$/);
      assert.ok(String(event.message).length < 1000);
    }
    for (const { turns, language, ...others } of changes.splice(0)) {
      assert.deepEqual(others, {});
      assert.ok(turns === undefined || (turns.kind === 'voice' && turns.silenceMs >= 10 && turns.silenceMs <= 60_000));
      assert.ok(language === undefined || language.length < 50);
    }
    if (run % 20 !== 0) continue;
    session.closed();
    ({ session, told, changes } = begin({}));
  }
  assert.ok(errors > FUZZ_RUNS / 20, `${errors}`);
  assert.equal(({} as { a?: unknown }).a, undefined);
});

test('whatever bytes come, in whatever pieces, every whole sample is heard once', () => {
  const random = randomOf(29);
  for (let run = 0; run < FUZZ_RUNS / 100; run++) {
    const encoding = ENCODINGS[random(ENCODINGS.length)]!;
    const bytesPerSample = { pcm_s16le: 2, pcm_f32le: 4, mulaw: 1, alaw: 1 }[encoding];
    const { session, told, samples } = begin({ encoding });
    let bytes = 0;
    for (let pieces = random(20); pieces > 0; pieces--) {
      const piece = Buffer.from(Array.from({ length: random(200) }, () => random(256)));
      bytes += piece.length;
      session.binary(piece);
    }
    assert.equal(samples.count, Math.floor(bytes / bytesPerSample));
    if (encoding !== 'pcm_f32le') assert.equal(samples.worst, 0);
    assert.deepEqual(
      told.filter(({ type }) => type === 'error'),
      [],
    );
    session.closed();
  }
});

test('whatever stands in the query, it is read or refused by name', () => {
  const random = randomOf(31);
  const names = [
    'model',
    'language',
    'sample_rate',
    'encoding',
    'endpointing',
    'vad',
    'words',
    'ticket',
    '__proto__',
    'x',
  ];
  const values = [
    '',
    'true',
    '0',
    '16000',
    '-1',
    '1e9',
    'NaN',
    '__proto__',
    'constructor',
    '0x10',
    ' 5',
    'mulaw',
    'de',
    'é',
  ];
  for (let run = 0; run < FUZZ_RUNS; run++) {
    const query: Record<string, unknown> = {};
    for (let n = random(5); n > 0; n--) {
      const value = values[random(values.length)];
      query[names[random(names.length)]!] = random(6) === 0 ? [value, value] : value;
    }
    try {
      const { sampleRate, encoding } = readParameters(query, settings);
      assert.ok(sampleRate >= 8000 && sampleRate <= 192_000 && ENCODINGS.includes(encoding));
    } catch (thrown) {
      if (!(thrown instanceof SpeechError)) throw thrown;
      assert.ok(thrown.param !== null && /^(invalid_request|unsupported_value)$/.test(thrown.code), thrown.message);
    }
  }
});
