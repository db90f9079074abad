/** Uploads: their limits from both sides, and clients that lie, dawdle or leave. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { assertError, assertUnharmed, type ExpectedError } from './support/answers.ts';
import { bytesOf, modelAt, say, textOf } from './support/client.ts';
import { BOUNDARY, FORM_TYPE, field, file, form } from './support/forms.ts';
import { needs } from './support/needs.ts';
import { RawConnection, requestHead } from './support/raw.ts';
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
  wav = await bytesOf(await say(server, { input: TEXT, response_format: 'wav' }));
});
after(() => server.stop());

function post(body: Uint8Array | string, type = FORM_TYPE, to = server): Promise<Response> {
  return to.fetch(ROUTE, { method: 'POST', body, headers: { 'content-type': type } });
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
    // Who has read the refusal may leave at once: it was a refusal all the same, and no client that left.
    const line = () => server.log.find((each) => each.includes(answer.headers['x-request-id']!));
    await until(() => line() !== undefined);
    assert.equal((JSON.parse(line()!) as { status: number }).status, 413);
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
    const recording = await bytesOf(
      await say(server, {
        input: 'one two three four five six seven eight nine ten. '.repeat(4),
        response_format: 'wav',
      }),
    );
    for (const stream of ['false', 'true']) {
      const leaving = new AbortController();
      const body = form(field('stream', stream), file(recording));
      const headers = { 'content-type': FORM_TYPE };
      const asked = slow.fetch(ROUTE, { method: 'POST', body, headers, signal: leaving.signal });
      asked.catch(() => {});
      await until(() => modelAt(slow, 'tone-ear').running > 0);
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
