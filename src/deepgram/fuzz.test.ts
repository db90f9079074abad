import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FUZZ_RUNS, mutateBytes, mutateText, randomOf } from '../../test/support/mutate.ts';
import { wavHeader } from '../audio/wav.ts';
import { SpeechError } from '../errors.ts';
import { deaf } from '../live/testing.ts';
import { readListenParams } from './listen-params.ts';
import { ListenSession } from './listen-session.ts';
import { readLiveSpeakParams, readSpeakParams } from './speak-params.ts';
import { rawReader, wavReader } from './wire-audio.ts';

const MESSAGES = ['KeepAlive', 'Finalize', 'CloseStream'].map((type) => JSON.stringify({ type, channel: [0, 1] }));

const open = () =>
  ListenSession.open(
    {
      openListening: async () => deaf(),
      decodeLive: () => assert.fail('nothing is compressed'),
      modelInfo: (id) => ({ id, revision: '', family: '' }),
      requestId: 'r',
      ...{ backlogMs: 60_000, silentMs: 60_000 },
    },
    readListenParams({ encoding: 'linear16', sample_rate: '16000' }),
  );

test('whatever a client says, its stream answers it, ends it or passes over it', async () => {
  const random = randomOf(11);
  let session = await open();
  let sent = 0;
  session.begin({ send: () => sent++, sendError: () => sent++, close() {} });
  for (let run = 0; run < FUZZ_RUNS; run++) {
    session.text(mutateText(MESSAGES[random(MESSAGES.length)]!, random));
    if (run % 50 !== 0) continue;
    session.closed();
    session = await open();
    session.begin({ send: () => sent++, sendError: () => sent++, close() {} });
  }
  session.closed();
  assert.ok(sent > FUZZ_RUNS / 10);
});

test('a message of very many values is not read, which would take long', async () => {
  const session = await open();
  const told: object[] = [];
  session.begin({ send: () => {}, sendError: (error) => told.push(error), close() {} });
  session.text(`{"type":"KeepAlive","more":[${'0,'.repeat(100_001)}0]}`);
  assert.equal(told.length, 1);
  session.closed();
});

test('whatever audio a client sends, it is samples or a typed error', () => {
  const random = randomOf(13);
  const wav = Buffer.concat([wavHeader(16_000, 64), Buffer.alloc(128, 7)]);
  for (let run = 0; run < FUZZ_RUNS / 4; run++) {
    const readers = [wavReader(), rawReader('linear32', 16_000, 1 + random(8), random(2) === 0)];
    const bytes = Buffer.from(mutateBytes(wav, random));
    const cut = random(bytes.length + 1);
    for (const reader of readers) {
      try {
        for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
          for (const pcm of reader.read(piece)?.channels ?? []) {
            assert.ok(pcm.every((sample) => sample >= -1 && sample <= 1));
          }
        }
      } catch (thrown) {
        if (!(thrown instanceof SpeechError)) throw thrown;
      }
    }
  }
});

test('whatever stands in the query, it is read or refused by name', () => {
  const random = randomOf(17);
  const names = ['encoding', 'sample_rate', 'channels', 'multichannel', 'interim_results', 'endpointing', 'speed'];
  const values = ['', 'true', 'false', 'linear16', 'mulaw', '16000', '-1', '1e9', 'NaN', '__proto__', '0x10', ' 5'];
  for (let run = 0; run < FUZZ_RUNS; run++) {
    const query: Record<string, unknown> = {};
    for (let n = random(6); n > 0; n--) {
      const value = values[random(values.length)];
      query[names[random(names.length)]!] = random(4) === 0 ? [value, values[random(values.length)]] : value;
    }
    for (const read of [readListenParams, readSpeakParams, readLiveSpeakParams]) {
      try {
        read(query);
      } catch (thrown) {
        assert.ok(
          thrown instanceof SpeechError && thrown.code === 'invalid_request' && thrown.param !== null,
          String(thrown),
        );
      }
    }
  }
});
