import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FUZZ_RUNS, mutateBytes, randomOf } from '../../../test/support/mutate.ts';
import { SpeechError } from '../../errors.ts';
import { encodeEvent, FrameReader, type WyomingEvent } from './framing.ts';

const BOUNDS = { headerBytes: 200, dataBytes: 1000, payloadBytes: 2000 };
const AUDIO = { rate: 16_000, width: 2, channels: 1 };
const STREAM = Buffer.concat([
  encodeEvent('describe'),
  encodeEvent('transcribe', { language: 'tür' }),
  encodeEvent('audio-chunk', AUDIO, Buffer.from('\n{"type":"no"}\n')),
  encodeEvent('audio-stop'),
]);

function readAll(reader: FrameReader, ...pieces: Buffer[]): WyomingEvent[] {
  return pieces.flatMap((piece) => [...reader.read(piece)]);
}

function problem(text: string): SpeechError {
  try {
    readAll(new FrameReader(BOUNDS), Buffer.from(text));
  } catch (error) {
    if (error instanceof SpeechError) return error;
    throw error;
  }
  throw new Error(`${text} was taken`);
}

test('events are read wherever the stream is cut, in two pieces or byte by byte', () => {
  const whole = readAll(new FrameReader(BOUNDS), STREAM);
  assert.deepEqual(
    whole.map(({ type, data, payload }) => [type, data, payload.toString()]),
    [
      ['describe', {}, ''],
      ['transcribe', { language: 'tür' }, ''],
      ['audio-chunk', AUDIO, '\n{"type":"no"}\n'],
      ['audio-stop', {}, ''],
    ],
  );
  for (let cut = 0; cut <= STREAM.length; cut++) {
    const reader = new FrameReader(BOUNDS);
    assert.deepEqual(readAll(reader, STREAM.subarray(0, cut), STREAM.subarray(cut)), whole, `cut at ${cut}`);
  }
  assert.deepEqual(readAll(new FrameReader(BOUNDS), ...[...STREAM].map((byte) => Buffer.of(byte))), whole);
});

test('data in the header is read, and data behind it counts more', () => {
  const body = '{"name":"b"}';
  const text = `{"type":"x","version":"1.7.2","data":{"name":"a","more":1},"data_length":${body.length}}\n${body}`;
  assert.deepEqual(readAll(new FrameReader(BOUNDS), Buffer.from(text))[0]!.data, { name: 'b', more: 1 });
  const inline = readAll(
    new FrameReader(BOUNDS),
    Buffer.from('{"type":"x","data":{"a":1}}\n{"type":"y","data":null}\n'),
  );
  assert.deepEqual(
    inline.map(({ data }) => data),
    [{ a: 1 }, {}],
  );
});

test('lengths count bytes, and what is empty is left out', () => {
  assert.equal(encodeEvent('pong').toString(), '{"type":"pong"}\n');
  assert.equal(encodeEvent('x', { a: 'ü' }).toString(), '{"type":"x","data_length":10}\n{"a":"ü"}');
  assert.equal(encodeEvent('x', {}, Buffer.from('ab')).toString(), '{"type":"x","payload_length":2}\nab');
});

test('each part may have as many bytes as its bound says and not one more', () => {
  const header = (length: number) => `{"type":"x"}${' '.repeat(length - 12)}`;
  readAll(new FrameReader(BOUNDS), Buffer.from(`${header(200)}\n`));
  assert.equal(problem(`${header(201)}\n`).code, 'too_large');
  assert.equal(problem(header(201)).code, 'too_large', 'also before the line ends');
  for (const [name, bound] of [
    ['data_length', 1000],
    ['payload_length', 2000],
  ] as const) {
    assert.deepEqual(readAll(new FrameReader(BOUNDS), Buffer.from(`{"type":"x","${name}":${bound}}\n`)), []);
    const { code, param } = problem(`{"type":"x","${name}":${bound + 1}}\n`);
    assert.deepEqual([code, param], ['too_large', name]);
  }
});

test('what is not an event is refused with the reason', () => {
  const bad = {
    invalid_json: ['GET / HTTP/1.1\n', '\n', '{"type":"x"\n', '{"type":"x","data_length":3}\n{{{'],
    invalid_request: [
      ...['[]\n', 'null\n', '7\n', '{}\n', '{"type":7}\n', '{"type":""}\n', '{"type":"x","data":[]}\n'],
      ...['{"type":"x","data":"y"}\n', '{"type":"x","data_length":2}\n[]', '{"type":"x","data_length":4}\nnull'],
      ...['-1', '1.5', '"2"', '1e300', 'true', '{}'].map((length) => `{"type":"x","payload_length":${length}}\n`),
    ],
  };
  for (const [code, texts] of Object.entries(bad)) {
    for (const text of texts) assert.equal(problem(text).code, code, text);
  }
});

test('broken bytes end in events within their bounds or in an error that can be told', () => {
  const random = randomOf(11);
  let refused = 0;
  for (let run = 0; run < FUZZ_RUNS; run++) {
    const bytes = Buffer.from(mutateBytes(STREAM, random));
    const cut = random(bytes.length + 1);
    try {
      for (const { type, data, payload } of readAll(
        new FrameReader(BOUNDS),
        bytes.subarray(0, cut),
        bytes.subarray(cut),
      )) {
        assert.ok(type.length <= BOUNDS.headerBytes && payload.length <= BOUNDS.payloadBytes);
        assert.equal(typeof data, 'object');
      }
    } catch (error) {
      if (!(error instanceof SpeechError)) throw error;
      refused++;
    }
  }
  assert.ok(refused > FUZZ_RUNS / 10);
});
