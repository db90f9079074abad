/** Multipart forms: every way in which clients write them is read, every way in which they can be broken is refused. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertError, assertUnharmed, type ExpectedError } from './support/answers.ts';
import { bytesOf, say, textOf } from './support/client.ts';
import { BOUNDARY, FORM_TYPE, field, file, form, type Part } from './support/forms.ts';
import { exchange, requestHead } from './support/raw.ts';
import { startServer, TEST_KEY, type TestServer } from './support/server.ts';

const ROUTE = '/v1/audio/transcriptions';
const TEXT = 'a small upload.';

let server: TestServer;
let wav: Buffer;
before(async () => {
  server = await startServer({ tones: true, env: { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear' } });
  wav = await bytesOf(await say(server, { input: TEXT, response_format: 'wav' }));
});
after(() => server.stop());

function post(body: Uint8Array | string, type = FORM_TYPE): Promise<Response> {
  return server.fetch(ROUTE, { method: 'POST', body, headers: { 'content-type': type } });
}

describe('forms that are written in other ways', () => {
  const verbose = field('response_format', 'verbose_json');
  const granularities = (name: string, ...values: string[]) => values.map((value) => field(name, value));

  async function keys(...parts: Part[]): Promise<string[]> {
    const answer = await post(form(...parts));
    const body = await answer.text();
    assert.equal(answer.status, 200, body);
    return Object.keys(JSON.parse(body) as object);
  }

  test('options may follow the file', async () => {
    assert.ok((await keys(file(wav), verbose)).includes('segments'));
    assert.ok((await keys(verbose, file(wav))).includes('segments'));
  });

  test('lists come as repeated names, with [] or without, with numbers in the brackets, or as JSON', async () => {
    for (const parts of [
      granularities('timestamp_granularities[]', 'word', 'segment'),
      granularities('timestamp_granularities', 'word', 'segment'),
      granularities('timestamp_granularities', '["word", "segment"]'),
      [field('timestamp_granularities[0]', 'word'), field('timestamp_granularities[1]', 'segment')],
    ]) {
      const found = await keys(...parts, verbose, file(wav));
      assert.ok(found.includes('words') && found.includes('segments'), parts[0]!.head);
    }
    assert.ok(!(await keys(field('timestamp_granularities[]', 'word'), verbose, file(wav))).includes('segments'));
    const broken = await post(form(field('timestamp_granularities', '[word'), verbose, file(wav)));
    await assertError(broken, {
      ...{ status: 400, code: 'invalid_request', param: 'timestamp_granularities' },
      says: /must be a list/,
    });
  });

  test('objects come as bracketed names or as JSON', async () => {
    for (const parts of [
      [field('chunking_strategy', 'auto')],
      [field('chunking_strategy[type]', 'server_vad'), field('chunking_strategy[threshold]', '0.5')],
      [field('chunking_strategy', '{"type":"server_vad","prefix_padding_ms":300}')],
    ]) {
      assert.deepEqual(await keys(...parts, file(wav)), ['text', 'usage']);
    }
    for (const [parts, param] of [
      [[field('chunking_strategy', 'manual')], 'chunking_strategy'],
      [[field('chunking_strategy[type]', 'other')], 'chunking_strategy'],
      [[field('chunking_strategy', '{"type":')], 'chunking_strategy'],
    ] as const) {
      const message = await assertError(await post(form(...parts, file(wav))), {
        status: 400,
        code: 'invalid_request',
      });
      assert.match(message, new RegExp(`${param}.*auto.*server_vad`));
    }
  });

  test('numbers and booleans come as text', async () => {
    assert.deepEqual(await keys(field('temperature', '0.3'), field('stream', 'false'), file(wav)), ['text', 'usage']);
    // Python's str() writes them so.
    assert.deepEqual(await keys(field('stream', 'False'), file(wav)), ['text', 'usage']);
    const streamed = await post(form(field('stream', 'True'), file(wav)));
    assert.match(streamed.headers.get('content-type')!, /event-stream/);
    await streamed.body?.cancel();
    for (const [name, value] of [
      ['temperature', 'warm'],
      ['temperature', '1.01'],
      ['temperature', '-0.1'],
      ['temperature', ''],
      ['temperature', 'NaN'],
      ['stream', 'yes'],
      ['stream', ''],
    ] as const) {
      const answer = await post(form(field(name, value), file(wav)));
      await assertError(answer, { status: 400, code: 'invalid_request', param: name });
    }
  });

  test('a boundary in quotes, text around the parts and unknown fields do no harm', async () => {
    const quoted = await post(form(file(wav)), `multipart/form-data; charset=utf-8; boundary="${BOUNDARY}"`);
    assert.equal(await textOf(quoted), TEXT);
    const around = Buffer.concat([Buffer.from('hello\r\n'), form(file(wav)), Buffer.from('goodbye')]);
    assert.equal(await textOf(await post(around)), TEXT);
    assert.equal(await textOf(await post(form(field('x-stainless-timeout', '600'), field('é', 'ü'), file(wav)))), TEXT);
    assert.equal(await textOf(await post(form(file(wav)), FORM_TYPE.replace('form-data', 'FORM-DATA'))), TEXT);
  });

  test('no file name leads anywhere', async () => {
    const names = [
      '',
      ' ',
      '../../../../tmp/x',
      '/etc/passwd',
      'C:\\\\x',
      '..',
      'a\\"b.wav',
      `${'x'.repeat(5000)}.wav`,
      'con',
      '☃.wav',
    ];
    for (const name of names) assert.equal(await textOf(await post(form(file(wav, 'file', name)))), TEXT, name);
    const starred = 'Content-Disposition: form-data; name="file"; filename*=UTF-8\'\'%2e%2e%2f%e2%82%ac.wav';
    assert.equal(await textOf(await post(form({ head: starred, content: wav }))), TEXT);
    const typed = `${file('').head}\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64`;
    assert.equal(await textOf(await post(form({ head: typed, content: wav }))), TEXT);
    await assertUnharmed(server);
  });
});

describe('forms that are broken', () => {
  const multipart = (says?: RegExp): ExpectedError => ({
    status: 400,
    code: 'invalid_multipart',
    param: null,
    ...(says === undefined ? {} : { says }),
  });
  const invalid = (param: string): ExpectedError => ({ status: 400, code: 'invalid_request', param });
  const whole = () => form(file(wav));
  const raw = (text: string) => Buffer.from(text.replaceAll('@', BOUNDARY));

  const cases: [string, () => Uint8Array, ExpectedError, string?][] = [
    ['no boundary is named', whole, multipart(/boundary/), 'multipart/form-data'],
    ['the boundary is empty', whole, multipart(), 'multipart/form-data; boundary='],
    ['another boundary is used', whole, multipart(), 'multipart/form-data; boundary=other'],
    ['the body is empty', () => Buffer.alloc(0), multipart()],
    ['the body is no form', () => Buffer.from('hello'), multipart()],
    ['the body is the recording itself', () => wav, multipart()],
    ['it ends in the middle of the file', () => whole().subarray(0, 1000), multipart()],
    ['it ends in the head of a part', () => whole().subarray(0, BOUNDARY.length + 20), multipart()],
    ['its last boundary is missing', () => whole().subarray(0, -BOUNDARY.length - 6), multipart()],
    ['it has no part', () => raw('--@--\r\n'), invalid('file')],
    [
      'lines end without a carriage return',
      () => Buffer.from(whole().toString('latin1').replaceAll('\r\n', '\n'), 'latin1'),
      multipart(),
    ],
    [
      'a part has no name',
      () => form({ head: 'Content-Disposition: form-data', content: 'x' }, file(wav)),
      multipart(/name/),
    ],
    [
      'a file has no name',
      () => form({ head: 'Content-Disposition: form-data; filename="a"', content: 'x' }, file(wav)),
      multipart(/name/),
    ],
    [
      'a part without a name says that it is a file',
      () => form({ head: 'Content-Type: application/octet-stream\r\nContent-Disposition: form-data', content: 'x' }),
      multipart(/name/),
    ],
    ['the part with the file has no head', () => form({ head: 'X: y', content: wav }), invalid('file')],
    [
      'the part with the file is no form data',
      () => form({ head: 'Content-Disposition: attachment; name="file"; filename="a"', content: wav }),
      invalid('file'),
    ],
    ['the file is missing', () => form(field('model', 'tone-ear')), invalid('file')],
    ['the file is a field', () => form(field('file', 'x')), invalid('file')],
    ['the file has another name', () => form(file(wav, 'audio')), invalid('audio')],
    ['the file comes twice', () => form(file(wav), file(wav)), invalid('file')],
    ['there is a second file', () => form(file(wav), file(wav, 'other')), invalid('other')],
    ['the model is a file', () => form(file('tone-ear', 'model'), file(wav)), invalid('model')],
    ['a file is called __proto__', () => form(file(wav, '__proto__'), file(wav)), invalid('__proto__')],
    ['a file is called constructor', () => form(file(wav, 'constructor'), file(wav)), invalid('constructor')],
    [
      'a field that is one comes twice',
      () => form(field('model', 'tone-ear'), field('model', 'tone-ear'), file(wav)),
      invalid('model'),
    ],
    ['a field that is one is an object', () => form(field('model[a]', 'tone-ear'), file(wav)), invalid('model')],
    [
      'a field is not UTF-8',
      () => form(field('prompt', Buffer.from([0x61, 0xff, 0xfe])), file(wav)),
      multipart(/UTF-8/),
    ],
    [
      'a field name is not UTF-8',
      () => Buffer.from(form(field('@', 'x'), file(wav)).toString('latin1').replace('@', '\xff'), 'latin1'),
      multipart(/UTF-8/),
    ],
    [
      'the recording comes as a field of text',
      () => form(field('file', 'x')),
      { ...invalid('file'), says: /file name.*-F file=@/ },
    ],
    [
      'the recording comes as a field of text that is too large for one',
      () => form(field('file', 'x'.repeat(300_000))),
      { status: 413, code: 'too_large', param: 'file', says: /without a file name/ },
    ],
    ['the file is empty', () => form(file('')), { status: 400, code: 'invalid_audio', param: 'file' }],
  ];
  for (const [what, body, expected, type] of cases) {
    test(what, async () => {
      const bytes = Buffer.from(body());
      const head = requestHead(
        `POST ${ROUTE}`,
        `Authorization: Bearer ${TEST_KEY}`,
        `Content-Type: ${type ?? FORM_TYPE}`,
        `Content-Length: ${bytes.length}`,
      );
      await assertError(await exchange(server.url, Buffer.concat([Buffer.from(head, 'latin1'), bytes])), expected);
      await assertUnharmed(server);
    });
  }

  test('names that mean something to JavaScript are only names', async () => {
    const names = [
      '__proto__',
      '__proto__[file]',
      'model[__proto__]',
      'constructor',
      'constructor[prototype]',
      'toString',
      'hasOwnProperty',
    ];
    for (const name of names) {
      const answer = await post(form(field(name, 'x'), file(wav)));
      if (name.startsWith('model')) await answer.body?.cancel();
      else assert.equal(await textOf(answer), TEXT, name);
      assert.equal(({} as Record<string, unknown>).file, undefined);
    }
    for (const name of ['[]', '[a]', 'a[', 'a]', 'a[b][c]', 'a[b', '', ' ', 'a[]b', ']['.repeat(20)]) {
      const answer = await post(form(field(name, 'x'), file(wav)));
      assert.ok(answer.status === 200 || answer.status === 400, `${name}: ${answer.status}`);
      await answer.body?.cancel();
    }
  });

  test('other content types are refused, whatever the body is', async () => {
    for (const type of [
      'application/json',
      'application/x-www-form-urlencoded',
      'audio/wav',
      'multipart/mixed; boundary=x',
      'text/plain',
      'x',
    ]) {
      for (const body of ['{}', whole()]) {
        const answer = await post(body, type);
        const error = JSON.parse(await answer.text()) as { error: { code: string } };
        assert.ok(answer.status === 400, `${type}: ${answer.status}`);
        assert.match(error.error.code, /^invalid_/);
      }
    }
    const says = /takes the content type multipart\/form-data/;
    await assertError(await post('x', 'text/plain'), { status: 400, code: 'invalid_request', says });
    await assertError(await post('{"model":"tone-ear"}', 'application/json'), {
      ...invalid('file'),
      says: /multipart/,
    });
    const none = await exchange(
      server.url,
      requestHead(`POST ${ROUTE}`, `Authorization: Bearer ${TEST_KEY}`, 'Content-Length: 0'),
    );
    await assertError(none, invalid('file'));
  });
});
