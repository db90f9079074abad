/** Uploads: their limits from both sides, every way to write a form, and clients that lie, dawdle or leave. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { assertError, assertUnharmed, type ExpectedError } from './support/answers.ts';
import { BOUNDARY, FORM_TYPE, field, file, form, type Part } from './support/forms.ts';
import { needs } from './support/needs.ts';
import { exchange, RawConnection, requestHead } from './support/raw.ts';
import { serveDuring, startServer, TEST_KEY, type TestServer } from './support/server.ts';
import { until } from './support/until.ts';

const ROUTE = '/v1/audio/transcriptions';
const TEXT = 'a small upload.';
const MB = 1024 * 1024;
const FIELDS = 8;
const FIELD_BYTES = 1024;

const env = {
  TTS_MODEL: 'tone-voice',
  STT_MODEL: 'tone-ear',
  OS_MAX_UPLOAD_MB: '1',
  OS_MAX_FORM_FIELDS: String(FIELDS),
  OS_MAX_FORM_FIELD_KB: String(FIELD_BYTES / 1024),
  OS_DRAIN_TIMEOUT_S: '2',
};

let server: TestServer;
let wav: Buffer;
before(async () => {
  server = await startServer({ tones: true, env });
  wav = await speak(server, TEXT);
});
after(() => server.stop());

async function speak(from: TestServer, input: string): Promise<Buffer> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ input, response_format: 'wav' });
  const answer = await from.fetch('/v1/audio/speech', { method: 'POST', headers, body });
  assert.equal(answer.status, 200);
  return Buffer.from(await answer.arrayBuffer());
}

function post(body: Uint8Array | string, type = FORM_TYPE, to = server): Promise<Response> {
  return to.fetch(ROUTE, { method: 'POST', body, headers: { 'content-type': type } });
}

async function textOf(answer: Response): Promise<string> {
  const body = await answer.text();
  assert.equal(answer.status, 200, body);
  return (JSON.parse(body) as { text: string }).text;
}

/** The head of an upload on a bare socket. */
const head = (...headers: string[]) =>
  requestHead(`POST ${ROUTE}`, `Authorization: Bearer ${TEST_KEY}`, `Content-Type: ${FORM_TYPE}`, ...headers);

/** A recording of exactly this many bytes: what stands behind the audio is a chunk that nobody reads. */
function wavOf(bytes: number): Buffer {
  const padded = Buffer.alloc(bytes, ' ');
  const sound = Buffer.from(wav);
  sound.writeUInt32LE(sound.length - 44, 40);
  sound.copy(padded);
  padded.write('junk', sound.length, 'latin1');
  padded.writeUInt32LE(bytes - sound.length - 8, sound.length + 4);
  return padded;
}

function chunk(bytes: Uint8Array | string): Buffer {
  const content = Buffer.from(bytes as Uint8Array);
  return Buffer.concat([Buffer.from(`${content.length.toString(16)}\r\n`), content, Buffer.from('\r\n')]);
}

const TOO_LARGE: ExpectedError = { status: 413, code: 'too_large', param: 'file' };

describe('limits', () => {
  test('a file of exactly the limit is read, one byte more is not', async () => {
    assert.equal(await textOf(await post(form(file(wavOf(MB))))), TEXT);
    await assertError(await post(form(file(wavOf(MB + 1)))), TOO_LARGE);
    await assertUnharmed(server);
  });

  test('fields may not use up the room of the file, nor the file that of the fields', async () => {
    const fields = Array.from({ length: FIELDS }, (_, i) => field(`x${i}`, 'x'.repeat(FIELD_BYTES)));
    assert.equal(await textOf(await post(form(...fields, file(wavOf(MB))))), TEXT);
  });

  test('a field of exactly the limit is read, one byte more is not', async () => {
    const prompt = (bytes: number) => post(form(file(wav), field('prompt', 'x'.repeat(bytes))));
    assert.equal(await textOf(await prompt(FIELD_BYTES)), TEXT);
    await assertError(await prompt(FIELD_BYTES + 1), { status: 413, code: 'too_large', param: 'prompt' });
  });

  test('as many fields as the limit are read, one more is not', async () => {
    const fields = (count: number) => Array.from({ length: count }, (_, i) => field(`f${i}`, 'x'));
    assert.equal(await textOf(await post(form(...fields(FIELDS), file(wav)))), TEXT);
    await assertError(await post(form(...fields(FIELDS + 1), file(wav))), {
      status: 400,
      code: 'invalid_multipart',
      says: /more than 8 fields/,
    });
  });

  test('a field name of 100 characters is read, one more is not', async () => {
    assert.equal(await textOf(await post(form(field('n'.repeat(100), 'x'), file(wav)))), TEXT);
    for (const part of [field('n'.repeat(101), 'x'), file('x', 'n'.repeat(101))]) {
      await assertError(await post(form(part, file(wav))), { status: 400, code: 'invalid_multipart', says: /name/ });
    }
  });

  test('several files together may not be larger than one', async () => {
    const files = Array.from({ length: 4 }, (_, i) => file(Buffer.alloc(MB / 2), `file${i}`));
    await assertError(await post(form(...files, file(wav))), TOO_LARGE);
    await assertUnharmed(server);
  });
});

describe('413 reaches a client that is still uploading', () => {
  test('at once, when the announced length is too much', async () => {
    const connection = await RawConnection.open(server.url);
    await connection.write(head(`Content-Length: ${500 * MB}`));
    const answer = await connection.answer();
    await assertError(answer, TOO_LARGE);
    assert.equal(answer.headers.connection, 'close');
    connection.close();
    await assertUnharmed(server);
  });

  test('while it sends, and then the rest is read for a while so that nothing is lost', async () => {
    const connection = await RawConnection.open(server.url);
    await connection.write(head(`Content-Length: ${20 * MB}`));
    for (let sent = 0; sent < 20 * MB && !connection.ended; sent += MB) await connection.write(Buffer.alloc(MB));
    await assertError(await connection.answer(), TOO_LARGE);
    connection.close();
  });

  test('a chunked body without an end', async () => {
    const connection = await RawConnection.open(server.url);
    await connection.write(head('Transfer-Encoding: chunked'));
    await connection.write(chunk(`--${BOUNDARY}\r\n${file('').head}\r\n\r\n`));
    while (connection.received.length === 0) await connection.write(chunk(Buffer.alloc(64 * 1024)));
    await assertError(await connection.answer(), TOO_LARGE);
    // It may go on, but not for ever.
    while (!connection.ended) await connection.write(chunk(Buffer.alloc(64 * 1024)));
    await assertUnharmed(server);
  });

  for (const [where, opening] of [
    ['before the first part', ''],
    ['behind the last part', form(file('x')).toString('latin1')],
    ['in the head of a part', `--${BOUNDARY}\r\nX: `],
  ] as const) {
    test(`an endless body whose bytes stand ${where}`, async () => {
      const connection = await RawConnection.open(server.url);
      await connection.write(head('Transfer-Encoding: chunked'));
      if (opening !== '') await connection.write(chunk(opening));
      while (connection.received.length === 0) await connection.write(chunk(Buffer.alloc(64 * 1024, 'x')));
      const answer = await connection.answer();
      assert.ok(answer.status === 413 || answer.status === 400, String(answer.status));
      connection.close();
      await assertUnharmed(server);
    });
  }

  test('fetch reads it, with a length and without', async () => {
    const large = Buffer.alloc(16 * MB);
    await assertError(await post(form(file(large))), TOO_LARGE);
    const pieces = async function* () {
      yield form(file('')).subarray(0, -BOUNDARY.length - 8);
      for (let sent = 0; sent < large.length; sent += MB) yield Buffer.alloc(MB);
    };
    const streamed = { method: 'POST', body: pieces(), duplex: 'half', headers: { 'content-type': FORM_TYPE } };
    await assertError(await server.fetch(ROUTE, streamed as unknown as RequestInit), TOO_LARGE);
  });

  test('curl reads it', { skip: needs({ curl: '/usr/bin/curl' }) }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'open-speech-curl-'));
    writeFileSync(join(folder, 'large.wav'), Buffer.alloc(16 * MB));
    const options = ['-sS', '-w', '\n%{http_code}', '-H', `Authorization: Bearer ${TEST_KEY}`];
    for (const more of [[], ['-H', 'Transfer-Encoding: chunked'], ['-H', 'Expect:']]) {
      const sent = [...options, ...more, '-F', `file=@${join(folder, 'large.wav')}`, server.url + ROUTE];
      const { stdout } = await promisify(execFile)('/usr/bin/curl', sent);
      const [body = '', status] = stdout.split('\n');
      assert.equal(status, '413');
      assert.equal((JSON.parse(body) as { error: { code: string } }).error.code, 'too_large');
    }
    rmSync(folder, { recursive: true });
  });

  test('a JSON body over its limit, too', async (t) => {
    const small = await serveDuring(t, { env: { OS_MAX_JSON_KB: '4' } });
    const say = (bytes: number) => {
      const body = JSON.stringify({ input: '', instructions: '' }).padEnd(bytes, ' ');
      const headers = { 'content-type': 'application/json' };
      return small.fetch('/v1/audio/speech', { method: 'POST', headers, body });
    };
    await assertError(await say(4096), { status: 400, code: 'invalid_request', param: 'input' });
    await assertError(await say(4097), { status: 413, code: 'too_large', param: null });
    await assertError(await say(8 * MB), { status: 413, code: 'too_large', param: null });
  });
});

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

  test('lists come as repeated names, with [] or without, or as JSON', async () => {
    for (const parts of [
      granularities('timestamp_granularities[]', 'word', 'segment'),
      granularities('timestamp_granularities', 'word', 'segment'),
      granularities('timestamp_granularities', '["word", "segment"]'),
    ]) {
      const found = await keys(...parts, verbose, file(wav));
      assert.ok(found.includes('words') && found.includes('segments'), parts[0]!.head);
    }
    assert.ok(!(await keys(field('timestamp_granularities[]', 'word'), verbose, file(wav))).includes('segments'));
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
      assert.match(message, new RegExp(param));
    }
  });

  test('numbers and booleans come as text', async () => {
    assert.deepEqual(await keys(field('temperature', '0.3'), field('stream', 'false'), file(wav)), ['text', 'usage']);
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

describe('clients that lie, dawdle or leave', () => {
  test('a length that is too short ends the form early', async () => {
    const body = form(file(wav));
    const connection = await RawConnection.open(server.url);
    await connection.write(head(`Content-Length: ${body.length - 200}`));
    await connection.write(body);
    // The rest is a request of its own to the server; which of the two it refuses first does not matter.
    assert.equal((await connection.answer()).status, 400);
    await connection.end();
    await assertUnharmed(server);
  });

  test('a pause ends the upload: a length that is too long, a form half sent, a chunk that never comes', async (t) => {
    const hasty = await serveDuring(t, { tones: true, env: { ...env, OS_UPLOAD_IDLE_S: '1' } });
    const body = form(file(wav));
    const starts = [
      [head(`Content-Length: ${body.length + 100}`), body],
      [head(`Content-Length: ${body.length}`), body.subarray(0, body.length / 2)],
      [head(`Content-Length: ${body.length}`), Buffer.alloc(0)],
      [head('Transfer-Encoding: chunked'), chunk(body)],
      [head('Transfer-Encoding: chunked'), Buffer.from('ffff\r\nabc')],
    ] as const;
    await Promise.all(
      starts.map(async ([first, rest]) => {
        const connection = await RawConnection.open(hasty.url);
        await connection.write(first);
        await connection.write(rest);
        await assertError(await connection.answer(), { status: 408, code: 'request_timeout', param: null });
        await connection.end();
      }),
    );
    await assertUnharmed(hasty);
  });

  test('a body that trickles for ever is ended by the time for a whole request', async (t) => {
    const hasty = await serveDuring(t, { tones: true, env: { ...env, OS_UPLOAD_TIMEOUT_S: '2' } });
    const trickle = async (first: string) => {
      const connection = await RawConnection.open(hasty.url);
      await connection.write(first);
      while (connection.received.length === 0) {
        await connection.write('x');
        await sleep(50);
      }
      await assertError(await connection.answer(), { status: 408, code: 'request_timeout', param: null });
      await connection.end();
    };
    const json = requestHead(
      'POST /v1/audio/speech',
      `Authorization: Bearer ${TEST_KEY}`,
      'Content-Type: application/json',
      'Content-Length: 5000',
    );
    await Promise.all([trickle(head('Content-Length: 5000')), trickle(json)]);
    await assertUnharmed(hasty);
  });

  test('a client that leaves halfway leaves nothing behind', async () => {
    const body = form(file(wavOf(MB / 2)));
    for (const part of [0, 10, 200, 70_000, body.length - 1]) {
      for (const [first, sent] of [
        [head(`Content-Length: ${body.length}`), body.subarray(0, part)],
        [head('Transfer-Encoding: chunked'), chunk(body.subarray(0, Math.max(1, part)))],
      ] as const) {
        const connection = await RawConnection.open(server.url);
        await connection.write(first);
        await connection.write(sent);
        if (part === 70_000) await until(() => readdirSync(join(server.dataDir, 'tmp')).length > 0);
        connection.close();
      }
    }
    await assertUnharmed(server);
  });

  test('a client that closes its side and still reads gets an answer or an end, and nothing is left', async () => {
    const body = form(file(wav));
    for (const sent of [body.subarray(0, 500), body]) {
      const connection = await RawConnection.open(server.url);
      await connection.write(head(`Content-Length: ${body.length}`));
      await connection.write(sent);
      connection.socket.end();
      await connection.end();
    }
    await assertUnharmed(server);
  });

  test('a client that leaves while its recording is heard stops the work and leaves no file', async (t) => {
    const slow = await serveDuring(t, {
      tones: true,
      gigaflopPerSecond: 60,
      env: { ...env, OS_ENGINE_PROCESSES: '1' },
    });
    const recording = await speak(server, 'one two three four five six seven eight nine ten. '.repeat(4));
    for (const stream of ['false', 'true']) {
      const leaving = new AbortController();
      const body = form(field('stream', stream), file(recording));
      const headers = { 'content-type': FORM_TYPE };
      const asked = slow.fetch(ROUTE, { method: 'POST', body, headers, signal: leaving.signal });
      asked.catch(() => {});
      const ear = () => slow.server.service.router.status().models.find(({ id }) => id === 'tone-ear')!;
      await until(() => ear().running > 0);
      leaving.abort();
      await assertUnharmed(slow);
    }
    assert.ok(!slow.log.some((line) => line.includes('"level":"error"')), slow.log.join(''));
  });

  test('uploads beyond those at once are told when to come back, and a finished one makes room', async (t) => {
    const narrow = await serveDuring(t, { tones: true, env: { ...env, OS_MAX_UPLOADS: '2' } });
    const body = form(file(wav));
    const half = async () => {
      const connection = await RawConnection.open(narrow.url);
      await connection.write(head(`Content-Length: ${body.length}`));
      await connection.write(body.subarray(0, 500));
      return connection;
    };
    const [first, second] = [await half(), await half()];
    await until(() => readdirSync(join(narrow.dataDir, 'tmp')).length === 2);
    await assertError(await post(body, FORM_TYPE, narrow), { status: 503, code: 'overloaded', param: null });
    await first.write(body.subarray(500));
    assert.equal((await first.answer()).status, 200);
    assert.equal(await textOf(await post(body, FORM_TYPE, narrow)), TEXT);
    second.close();
    await assertUnharmed(narrow);
  });

  test('without a key nothing of an upload is kept', async () => {
    const connection = await RawConnection.open(server.url);
    const body = form(file(wavOf(MB / 2)));
    await connection.write(
      requestHead(`POST ${ROUTE}`, `Content-Type: ${FORM_TYPE}`, `Content-Length: ${body.length}`),
    );
    await assertError(await connection.answer(), { status: 401, code: 'invalid_api_key', param: null });
    await connection.write(body.subarray(0, body.length - 10));
    assert.deepEqual(readdirSync(join(server.dataDir, 'tmp')), []);
    connection.close();
    await assertUnharmed(server);
  });
});
