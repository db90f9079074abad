import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { ARCHIVE_FORMATS, makeArchive, makeTar } from '../../../test/support/archives.ts';
import { ASSETS, CDN, HUB, type Misbehaviour, STRANGER, sha256Of, testManifest } from '../../../test/support/hub.ts';
import { type Bench, startBench } from '../../../test/support/model-store.ts';
import { until } from '../../../test/support/until.ts';
import type { Settings } from '../../config/kinds.ts';
import type { ErrorCode } from '../../errors.ts';

const CONTENT = randomBytes(300_000);
const flipped = Buffer.from(CONTENT);
flipped[150_000]! ^= 1;
const POINTER = Buffer.from(`version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 300000\n`);
const PAGE = Buffer.from('<!DOCTYPE html><html><body>Please sign in</body></html>');

const answer =
  (status: number, body: Buffer | string = '', headers: Record<string, string> = {}): Misbehaviour =>
  (_request, response) => {
    response.writeHead(status, { 'content-length': String(Buffer.byteLength(body)), ...headers }).end(body);
    return true;
  };
const chunked =
  (body: Buffer): Misbehaviour =>
  (_request, response) => {
    response.writeHead(200);
    response.end(body);
    return true;
  };
const redirectTo = (location: string) => answer(302, '', { location });

interface Row {
  what: string;
  misbehave: (bench: Bench) => Misbehaviour;
  code: ErrorCode;
  says?: RegExp;
  limits?: Partial<Settings['limits']>;
  /** Requests that it takes to see that there is no point. */
  requests?: number;
}

const ROWS: readonly Row[] = [
  {
    what: 'one flipped byte',
    misbehave: () => answer(200, flipped),
    code: 'integrity_failed',
    says: /SHA-256/,
    requests: 1,
  },
  {
    what: 'a shorter file',
    misbehave: () => answer(200, CONTENT.subarray(1)),
    code: 'integrity_failed',
    says: /299999 bytes instead of 300000/,
    requests: 1,
  },
  {
    what: 'a longer file',
    misbehave: () => answer(200, Buffer.concat([CONTENT, CONTENT])),
    code: 'integrity_failed',
    says: /600000 bytes/,
    requests: 1,
  },
  {
    what: 'more bytes without a length',
    misbehave: () => chunked(Buffer.concat([CONTENT, Buffer.of(0)])),
    code: 'integrity_failed',
    says: /more bytes/,
    requests: 1,
  },
  {
    what: 'an endless body',
    misbehave: () => (_request, response) => {
      response.writeHead(200);
      const more = (): void => {
        if (!response.destroyed) response.write(Buffer.alloc(65_536), more);
      };
      more();
      return true;
    },
    code: 'integrity_failed',
    says: /more bytes/,
    requests: 1,
  },
  {
    what: 'a body that always ends early',
    misbehave: () => chunked(CONTENT.subarray(0, 1000)),
    code: 'download_failed',
    says: /ended after 1000 of 300000/,
    limits: { downloadAttempts: 3 },
  },
  {
    what: 'a Git LFS pointer',
    misbehave: () => answer(200, POINTER),
    code: 'integrity_failed',
    says: /Git LFS pointer/,
    requests: 1,
  },
  {
    what: 'a Git LFS pointer without a length',
    misbehave: () => chunked(POINTER),
    code: 'integrity_failed',
    says: /Git LFS pointer/,
    requests: 1,
  },
  {
    what: 'a wrong length and then nothing',
    misbehave: () => (_request, response) => {
      response.writeHead(200, { 'content-length': '600000' }).flushHeaders();
      return true;
    },
    code: 'integrity_failed',
    says: /600000 bytes instead/,
    requests: 1,
    limits: { downloadIdleMs: 100 },
  },
  {
    what: 'a wrong length and then the end of the connection',
    misbehave: () => (_request, response) => {
      response.writeHead(200, { 'content-length': '600000' }).write('some', () => response.destroy());
      return true;
    },
    code: 'integrity_failed',
    says: /600000 bytes instead/,
    requests: 1,
  },
  { what: 'a web page', misbehave: () => answer(200, PAGE), code: 'integrity_failed', says: /web page/, requests: 1 },
  {
    what: 'another file behind the same name',
    misbehave: () => answer(200, CONTENT, { 'x-linked-etag': `"${'0'.repeat(64)}"` }),
    code: 'integrity_failed',
    says: /replaced/,
    requests: 1,
  },
  {
    what: 'another size behind the same name',
    misbehave: () => answer(200, CONTENT, { 'x-linked-size': '5' }),
    code: 'integrity_failed',
    says: /5 bytes instead/,
    requests: 1,
  },
  { what: '404', misbehave: () => answer(404, 'gone'), code: 'download_failed', says: /not there/, requests: 1 },
  { what: '403', misbehave: () => answer(403, 'no'), code: 'download_failed', says: /403/, requests: 1 },
  {
    what: '500 for ever',
    misbehave: () => answer(500),
    code: 'download_failed',
    says: /500/,
    requests: 3,
    limits: { downloadAttempts: 3 },
  },
  {
    what: '429 that asks to wait too long',
    misbehave: () => answer(429, '', { 'retry-after': '3600' }),
    code: 'download_failed',
    says: /429/,
    requests: 1,
  },
  {
    what: 'a gated repository',
    misbehave: () => answer(401, '', { 'x-error-code': 'GatedRepo' }),
    code: 'gated_model',
    says: /OS_HF_TOKEN/,
    requests: 1,
  },
  {
    what: 'a redirect to a host that is not allowed',
    misbehave: (b) => redirectTo(b.hub.url(STRANGER, '/x')),
    code: 'source_not_allowed',
    says: /stranger\.test/,
    requests: 1,
  },
  {
    what: 'a redirect to 127.0.0.1',
    misbehave: (b) => redirectTo(`http://127.0.0.1:${b.hub.port}/x`),
    code: 'source_not_allowed',
    requests: 1,
  },
  {
    what: 'a redirect to localhost',
    misbehave: (b) => redirectTo(`http://localhost:${b.hub.port}/x`),
    code: 'source_not_allowed',
    requests: 1,
  },
  {
    what: 'a redirect to the metadata service',
    misbehave: () => redirectTo('http://169.254.169.254/latest/meta-data'),
    code: 'source_not_allowed',
    requests: 1,
  },
  {
    what: 'a redirect to a file of this machine',
    misbehave: () => redirectTo('file:///etc/passwd'),
    code: 'source_not_allowed',
    requests: 1,
  },
  {
    what: 'a redirect from one place to the same',
    misbehave: (b) => redirectTo(b.hub.url(CDN, '/x')),
    code: 'download_failed',
    says: /redirects more than 5/,
    requests: 6,
  },
  {
    what: 'a redirect to nowhere',
    misbehave: () => answer(302),
    code: 'download_failed',
    says: /nowhere/,
    requests: 1,
  },
  {
    what: 'a hub that never answers',
    misbehave: () => () => true,
    code: 'download_failed',
    says: /no answer in time/,
    limits: { downloadIdleMs: 100, downloadAttempts: 2 },
    requests: 2,
  },
  {
    what: 'a hub that stalls in the middle',
    misbehave: () => (_request, response) => {
      response.writeHead(200, { 'content-length': '300000' }).write(CONTENT.subarray(0, 1000));
      return true;
    },
    code: 'download_failed',
    says: /stalled/,
    limits: { downloadIdleMs: 150, downloadAttempts: 2 },
    requests: 2,
  },
  {
    what: 'a hub that trickles below the least rate',
    misbehave: () => (_request, response) => {
      response.writeHead(200, { 'content-length': '300000' });
      const timer = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(timer));
      return true;
    },
    code: 'download_failed',
    says: /stalled/,
    limits: { downloadIdleMs: 200, downloadAttempts: 2, downloadBytesPerSecond: 10_000 },
    requests: 2,
  },
  {
    what: 'a hub that takes longer than a model may',
    misbehave: () => () => true,
    code: 'deadline_exceeded',
    limits: { downloadMs: 100 },
  },
  {
    what: 'a hub that hangs up',
    misbehave: () => (request) => Boolean(request.destroy()),
    code: 'download_failed',
    says: /cannot be reached/,
    limits: { downloadAttempts: 2 },
    requests: 2,
  },
];

test('a source that misbehaves gets a clear error and leaves no model', { concurrency: 4 }, async (t) => {
  await Promise.all(
    ROWS.map(({ what, misbehave, code, says = /./, limits, requests }) =>
      t.test(what, async (t) => {
        const bench = await startBench(t, { limits: { downloadAttempts: 1, ...limits } });
        const { hub, store, install, content } = bench;
        const manifest = testManifest({ id: 'm', files: [hub.file('model.onnx', CONTENT)] });
        hub.lfsFrom = Number.POSITIVE_INFINITY;
        hub.misbehave = misbehave(bench);
        await assert.rejects(install(manifest), { code, message: says });
        assert.equal(content('m'), undefined);
        assert.equal(store.states.get('m')?.state, 'failed');
        if (requests !== undefined) assert.equal(hub.requests.length, requests);
        if (code === 'deadline_exceeded') return;
        hub.misbehave = () => false;
        await install(manifest);
        assert.deepEqual(content('m')?.get('model.onnx'), CONTENT);
      }),
    ),
  );
});

/** Sends a part of the file and hangs up once it lies in the store. */
const breakAfter =
  ({ settings }: Bench, part: Buffer, headers: Record<string, string>): Misbehaviour =>
  (_request, response) => {
    const arrived = (): boolean => {
      const names = readdirSync(join(settings.modelDir, '.incoming'), { recursive: true }).map(String);
      const path = names.find((name) => name.endsWith('.part'));
      return path !== undefined && statSync(join(settings.modelDir, '.incoming', path)).size === part.length;
    };
    response.writeHead(200, { 'content-length': '300000', ...headers }).write(part);
    void until(arrived).then(() => response.destroy());
    return true;
  };

test('a source that recovers is asked again, and goes on where it stopped', async (t) => {
  const bench = await startBench(t);
  const { hub, install, content } = bench;
  hub.lfsFrom = Number.POSITIVE_INFINITY;
  const answers: Misbehaviour[] = [
    answer(503),
    answer(429, '', { 'retry-after': '0' }),
    (request) => Boolean(request.destroy()),
    breakAfter(bench, CONTENT.subarray(0, 100_000), { etag: '"other"' }),
  ];
  hub.misbehave = (request, response, count) => answers[count - 1]?.(request, response, count) ?? false;
  await install(testManifest({ id: 'm', files: [hub.file('model.onnx', CONTENT)] }));
  assert.deepEqual(content('m')?.get('model.onnx'), CONTENT);
  const last = hub.requests.at(-1)!.headers;
  assert.deepEqual([last.range, last['if-range']], ['bytes=100000-', '"other"']);
});

test('a source that changed its file between two attempts is read from the start', async (t) => {
  const bench = await startBench(t);
  const { hub, install, content } = bench;
  hub.lfsFrom = Number.POSITIVE_INFINITY;
  const first = breakAfter(bench, Buffer.alloc(100_000), { etag: '"before"' });
  hub.misbehave = (request, response, count) => count === 1 && first(request, response, count);
  await install(testManifest({ id: 'm', files: [hub.file('model.onnx', CONTENT)] }));
  assert.deepEqual(content('m')?.get('model.onnx'), CONTENT);
});

test('a source that continues wrong bytes as if they were right gets one second look', async (t) => {
  const bench = await startBench(t);
  const { hub, install, content, logged } = bench;
  hub.lfsFrom = Number.POSITIVE_INFINITY;
  const first = breakAfter(bench, Buffer.alloc(100_000), {});
  hub.misbehave = (request, response, count) => count === 1 && first(request, response, count);
  await install(testManifest({ id: 'm', files: [hub.file('model.onnx', CONTENT)] }));
  assert.deepEqual(content('m')?.get('model.onnx'), CONTENT);
  assert.ok(logged.some((line) => line.includes('fetched again')));
});

test('a file that is not right, or may not be fetched any more, costs none of the others', async (t) => {
  const wrong: Misbehaviour[] = [
    answer(200, flipped),
    redirectTo('https://169.254.169.254/latest/meta-data'),
    answer(200, PAGE),
  ];
  for (const misbehave of wrong) {
    const { hub, install, content, settings } = await startBench(t, { limits: { downloadAttempts: 1 } });
    hub.lfsFrom = Number.POSITIVE_INFINITY;
    hub.pauseMs = 5;
    const incoming = join(settings.modelDir, '.incoming');
    const there = (): number =>
      readdirSync(incoming, { recursive: true })
        .map((name) => statSync(join(incoming, String(name))))
        .reduce((sum, stats) => sum + (stats.isFile() ? stats.size : 0), 0);
    const good = hub.file('good.bin', randomBytes(400_000));
    const bad = hub.file('bad.bin', CONTENT);
    hub.misbehave = (request, response, count) => {
      if (!request.url!.includes('bad.bin')) return false;
      void until(() => there() >= 200_000).then(() => misbehave(request, response, count));
      return true;
    };
    const manifest = testManifest({ id: 'm', files: [good, bad] });
    await assert.rejects(install(manifest), { code: /integrity_failed|source_not_allowed/ });
    hub.misbehave = () => false;
    const before = hub.requests.length;
    await install(manifest);
    assert.equal(content('m')?.size, 2);
    const again = hub.requests.slice(before).filter(({ path }) => path.includes('good.bin'));
    assert.ok(
      again.every(({ headers }) => headers.range !== undefined),
      'no byte of it came twice',
    );
  }
});

test('a name that means something else a moment later never reaches the other address', async (t) => {
  let asked = 0;
  const elsewhere = createServer((_request, response) => response.end('secret'));
  t.after(() => elsewhere.close());
  const { hub, install, content } = await startBench(t, {
    world: {
      // Right when it is checked, private ever after: 127.0.0.2 stands for the metadata service here.
      resolve: async () => [{ address: ++asked === 1 ? '127.0.0.1' : '127.0.0.2', family: 4 }],
    },
  });
  let connections = 0;
  elsewhere.on('connection', () => connections++);
  elsewhere.listen(hub.port, '127.0.0.2');
  await once(elsewhere, 'listening');
  const manifest = testManifest({ id: 'm', files: [hub.file('model.onnx', CONTENT)] });
  // The hub itself is reached; its redirect makes a second connection, for which the name has changed.
  await assert.rejects(install(manifest), { code: 'source_not_allowed', message: /not on the public Internet/ });
  assert.deepEqual([asked, hub.requests.length, connections, content('m')], [2, 1, 0, undefined]);
});

test('the token goes to the hub and not along with its redirects', async (t) => {
  const { hub, install, content } = await startBench(t, { settings: { hfToken: 'hf_test' } });
  hub.token = 'hf_test';
  const files = [hub.file('model.onnx', CONTENT), hub.file('small.txt', Buffer.from('small'))];
  await install(testManifest({ id: 'm', files, gated: true }));
  assert.equal(content('m')?.size, 2);
  for (const { host, headers } of hub.requests) {
    assert.equal(headers.authorization, host === HUB ? 'Bearer hf_test' : undefined, host);
  }
  assert.deepEqual(new Set(hub.requests.map(({ host }) => host)), new Set([HUB, CDN]));
});

test('a release is fetched from where it redirects to, unpacked, and only what is wanted is kept', async (t) => {
  for (const format of ARCHIVE_FORMATS) {
    const { hub, store, install, content, leftovers } = await startBench(t);
    const entries = ['model.onnx', 'tokens.txt', 'data/a', 'data/b', 'test_wavs/0.wav'];
    const packed = makeArchive(
      format,
      entries.map((name) => ({ name: `pack/${name}`, content: Buffer.from(name) })),
    );
    const archive = { ...hub.asset(`pack.${format}`, packed), format, stripComponents: 1, keep: ['data'] };
    const known = { bytes: 10, sha256: sha256Of(Buffer.from('model.onnx')) };
    const files = [{ path: 'model.onnx', ...known }, { path: 'tokens.txt' }];
    await install(testManifest({ id: 'packed', files, archive }));
    assert.deepEqual([...content('packed')!.keys()], ['data/a', 'data/b', 'model.onnx', 'tokens.txt']);
    assert.deepEqual(leftovers(), []);
    assert.ok(hub.requests.some(({ host }) => host === ASSETS));
    const [result] = await store.verify('all', { signal: new AbortController().signal });
    assert.equal(result?.ok, true, 'files without a hash of their own are known from when they were unpacked');
    const wrong = [{ path: 'model.onnx', bytes: 10, sha256: '0'.repeat(64) }];
    await assert.rejects(install(testManifest({ id: 'wrong', files: wrong, archive })), { code: 'integrity_failed' });
    await assert.rejects(install(testManifest({ id: 'missing', files: [{ path: 'nothing' }], archive })), {
      code: 'integrity_failed',
      message: /does not hold nothing/,
    });
    assert.deepEqual([leftovers(), content('wrong'), content('missing')], [[], undefined, undefined]);
  }
});

test('a hostile archive leaves nothing behind', async (t) => {
  const { hub, install, content, leftovers } = await startBench(t);
  const packed = makeTar([
    { name: 'model.onnx', content: Buffer.from('x') },
    { name: '../../../evil', content: Buffer.from('x') },
  ]);
  const archive = { ...hub.asset('evil.tar', packed), format: 'tar', stripComponents: 0, keep: [] } as const;
  await assert.rejects(
    install(testManifest({ id: 'm', files: [{ path: 'model.onnx' }], archive: { ...archive, keep: [] } })),
    {
      code: 'unsafe_archive',
    },
  );
  assert.deepEqual([leftovers(), content('m')], [[], undefined]);
});

test('a disk without room, or a model over the limit, is noticed before the first byte', async (t) => {
  const { hub, install, content, leftovers } = await startBench(t, { limits: { diskReserveBytes: 2 ** 60 } });
  const manifest = testManifest({ id: 'm', files: [hub.file('model.onnx', CONTENT)] });
  await assert.rejects(install(manifest), { code: 'insufficient_storage', message: /only \d+ MB are left/ });
  assert.deepEqual([hub.requests.length, leftovers(), content('m')], [0, [], undefined]);
  const tooLarge = await startBench(t, { limits: { modelBytes: 299_999 } });
  await assert.rejects(tooLarge.install(manifest), { code: 'too_large' });
});
