import assert from 'node:assert/strict';
import {
  chmod,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { type CacheableSpeech, cacheKey, openSpeechCache, type SpeechCache } from './cache.ts';

const SPEECH: CacheableSpeech = {
  pieces: [{ text: 'Hello', rate: 1, pitch: 0, volumeDb: 0, pauseBeforeMs: 0, pauseAfterMs: 0, continues: false }],
  model: 'm',
  revision: 'r',
  voice: 'v',
  speed: 1,
  instructions: undefined,
  format: 'mp3',
  sampleRate: 24_000,
  trimmed: true,
};
const [A, B, C, D] = ['a', 'b', 'c', 'd'].map((owner) => cacheKey(owner, SPEECH)) as [string, string, string, string];
const MB = 1024 * 1024;

async function folder(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'speech-cache-'));
  t.after(() => rm(dir, { recursive: true }));
  return dir;
}

async function keep(cache: SpeechCache, key: string, ...chunks: (string | Buffer)[]): Promise<boolean> {
  const writer = cache.write(key);
  for (const chunk of chunks) writer.write(Buffer.from(chunk));
  return writer.commit();
}

async function get(cache: SpeechCache, key: string): Promise<string | undefined> {
  const found = await cache.read(key);
  if (found === undefined) return undefined;
  const content = await buffer(found.stream);
  assert.equal(content.length, found.bytes);
  return content.toString();
}

test('every field of the request and the owner change the key', () => {
  const [piece] = SPEECH.pieces;
  const others: CacheableSpeech[] = [
    { ...SPEECH, pieces: [{ ...piece!, text: 'Hello!' }] },
    { ...SPEECH, pieces: [{ ...piece!, phonemes: 'h' }] },
    { ...SPEECH, pieces: [{ ...piece!, rate: 1.1 }] },
    { ...SPEECH, pieces: [{ ...piece!, pitch: 1 }] },
    { ...SPEECH, pieces: [{ ...piece!, volumeDb: 1 }] },
    { ...SPEECH, pieces: [{ ...piece!, pauseAfterMs: 1 }] },
    { ...SPEECH, pieces: [{ ...piece!, pauseBeforeMs: 1 }] },
    { ...SPEECH, pieces: [{ ...piece!, continues: true }] },
    { ...SPEECH, pieces: [piece!, piece!] },
    { ...SPEECH, model: 'm2' },
    { ...SPEECH, revision: 'r2' },
    { ...SPEECH, voice: 'v2' },
    { ...SPEECH, speed: 1.5 },
    { ...SPEECH, instructions: '' },
    { ...SPEECH, format: 'wav' },
    { ...SPEECH, sampleRate: 22_050 },
    { ...SPEECH, trimmed: false },
  ];
  const keys = new Set([
    cacheKey('me', SPEECH),
    cacheKey('you', SPEECH),
    ...others.map((other) => cacheKey('me', other)),
  ]);
  assert.equal(keys.size, others.length + 2);
});

test('the order of fields does not change the key, and fields cannot run into each other', () => {
  const reversed = Object.fromEntries(Object.entries(SPEECH).reverse()) as unknown as CacheableSpeech;
  assert.equal(cacheKey('me', reversed), cacheKey('me', SPEECH));
  assert.notEqual(
    cacheKey('me', { ...SPEECH, model: 'a","b', voice: 'c' }),
    cacheKey('me', { ...SPEECH, model: 'a', voice: 'b","c' }),
  );
  assert.throws(() => cacheKey('me', { ...SPEECH, speed: Number.NaN }), TypeError);
});

test('what was committed is read back, whole and only under its key', async (t) => {
  const cache = await openSpeechCache({ dir: await folder(t), maxBytes: MB });
  assert.equal(await get(cache, A), undefined);
  assert.equal(await keep(cache, A, 'Hello ', '', 'world'), true);
  assert.equal(await get(cache, A), 'Hello world');
  assert.equal(await get(cache, B), undefined);
  assert.deepEqual(cache.stats, { entries: 1, bytes: 4096, hits: 1, misses: 2, evicted: 0, broken: 0 });
  await cache.close();
});

test('nothing is served before the commit, after an abort, or without a byte', async (t) => {
  const dir = await folder(t);
  const cache = await openSpeechCache({ dir, maxBytes: MB });
  const writer = cache.write(A);
  writer.write(Buffer.from('half'));
  assert.equal(await get(cache, A), undefined);
  await writer.abort();
  writer.write(Buffer.from('late'));
  assert.equal(await writer.commit(), false);
  assert.equal(await get(cache, A), undefined);
  assert.equal(await cache.write(B).commit(), false);
  assert.equal(cache.stats.bytes, 0);
  assert.deepEqual(await readdir(join(dir, 'speech')), []);
});

test('files and folder are for their owner only', async (t) => {
  const dir = await folder(t);
  const cache = await openSpeechCache({ dir: join(dir, 'new', 'deep'), maxBytes: MB });
  const writer = cache.write(A);
  writer.write(Buffer.from('x'));
  const inside = join(dir, 'new', 'deep', 'speech');
  while ((await readdir(inside)).length === 0) await setImmediate();
  for (const name of await readdir(inside)) assert.equal((await stat(join(inside, name))).mode & 0o777, 0o600);
  await writer.commit();
  assert.equal((await stat(inside)).mode & 0o777, 0o700);
  assert.equal((await stat(join(inside, A))).mode & 0o777, 0o600);
});

test('a folder that others can open, or a link to one, is refused', async (t) => {
  const dir = await folder(t);
  await mkdir(join(dir, 'speech'));
  await chmod(join(dir, 'speech'), 0o755);
  await assert.rejects(openSpeechCache({ dir, maxBytes: MB }), /mode 0700/);
  await mkdir(join(dir, 'real'), { mode: 0o700 });
  await mkdir(join(dir, 'other'), { mode: 0o700 });
  await symlink(join(dir, 'real'), join(dir, 'other', 'speech'));
  await assert.rejects(openSpeechCache({ dir: join(dir, 'other'), maxBytes: MB }), /mode 0700/);
});

test('entries and their order survive a restart, and what was left unfinished is removed', async (t) => {
  const dir = await folder(t);
  const first = await openSpeechCache({ dir, maxBytes: MB });
  for (const key of [A, B, C]) await keep(first, key, `speech ${key}`);
  const inside = join(dir, 'speech');
  for (const [i, key] of [B, C, A].entries()) await utimes(join(inside, key), 1000 + i, 1000 + i);
  await writeFile(join(inside, `${D}.0123456789abcdef.tmp`), 'half');
  await writeFile(join(inside, 'README'), 'not ours');
  await first.close();

  const second = await openSpeechCache({ dir, maxBytes: 2 * 4096 });
  assert.equal(second.stats.entries, 2);
  assert.equal(await get(second, B), undefined);
  assert.equal(await get(second, C), `speech ${C}`);
  assert.equal(await get(second, A), `speech ${A}`);
  await second.close();
  assert.deepEqual((await readdir(inside)).sort(), [A, C, 'README'].sort());
});

test('reading renews an entry, also for after a restart', async (t) => {
  const dir = await folder(t);
  const cache = await openSpeechCache({ dir, maxBytes: 2 * 4096 });
  await keep(cache, A, 'a');
  await keep(cache, B, 'b');
  await utimes(join(dir, 'speech', A), 1, 1);
  await get(cache, A);
  assert.ok((await stat(join(dir, 'speech', A))).mtimeMs > 1_000_000);
  await keep(cache, C, 'c');
  assert.equal(await get(cache, B), undefined);
  assert.equal(await get(cache, A), 'a');
  assert.equal(cache.stats.evicted, 1);
});

test('the bytes on disk stay within the bound, what is being written included', async (t) => {
  const dir = await folder(t);
  const cache = await openSpeechCache({ dir, maxBytes: 10 * 4096 });
  for (const key of [A, B, C]) await keep(cache, key, Buffer.alloc(3 * 4096));
  assert.equal(cache.stats.entries, 2);
  assert.ok(cache.stats.bytes <= 10 * 4096);
  const writer = cache.write(D);
  writer.write(Buffer.alloc(8 * 4096));
  assert.equal(cache.stats.entries, 0);
  assert.ok(cache.stats.bytes <= 10 * 4096);
  writer.write(Buffer.alloc(8 * 4096));
  assert.equal(await writer.commit(), false);
  assert.equal(cache.stats.bytes, 0);
  await cache.close();
  assert.deepEqual(await readdir(join(dir, 'speech')), []);
});

test('an entry that no longer is what was written is never served', async (t) => {
  const dir = await folder(t);
  const path = (key: string) => join(dir, 'speech', key);
  const content = Buffer.alloc(200_000, 'speech ');
  const damage: [string, (path: string) => Promise<unknown>][] = [
    [
      'a flipped bit',
      async (file) => {
        const handle = await open(file, 'r+');
        await handle.write(Buffer.from('X'), 0, 1, 150_000);
        await handle.close();
      },
    ],
    ['a file cut short', (file) => truncate(file, 100_000)],
    ['a file cut to its trailer', (file) => truncate(file, 48)],
    ['an empty file', (file) => truncate(file, 0)],
    ['zeros after a power failure', (file) => writeFile(file, Buffer.alloc(200_048))],
    ['a file that grew', async (file) => writeFile(file, Buffer.concat([await readFile(file), Buffer.from('x')]))],
    ['a file that is gone', (file) => rm(file)],
    ['the speech of another key', (file) => rename(path(B), file)],
  ];
  for (const [what, spoil] of damage) {
    const before = await openSpeechCache({ dir, maxBytes: MB });
    for (const key of [A, B]) assert.equal(await keep(before, key, content), true);
    await before.close();
    await spoil(path(A));
    const after = await openSpeechCache({ dir, maxBytes: MB });
    assert.equal(await get(after, A), undefined, what);
    assert.equal(await keep(after, A, 'new'), true, what);
    assert.equal(await get(after, A), 'new', what);
    await after.close();
  }
});

test('an entry that vanishes or shrinks while the server runs is a miss', async (t) => {
  const dir = await folder(t);
  const cache = await openSpeechCache({ dir, maxBytes: MB });
  await keep(cache, A, 'aaaa');
  await keep(cache, B, 'bbbb');
  await rm(join(dir, 'speech', A));
  await truncate(join(dir, 'speech', B), 10);
  assert.equal(await get(cache, A), undefined);
  assert.equal(await get(cache, B), undefined);
  assert.deepEqual([cache.stats.broken, cache.stats.entries, cache.stats.bytes], [2, 0, 0]);
});

test('writers of one key do not meet, and readers keep what they began with', async (t) => {
  const dir = await folder(t);
  const cache = await openSpeechCache({ dir, maxBytes: 4 * MB });
  const texts = Array.from({ length: 8 }, (_, i) => `${i}`.repeat(100_000));
  const writers = texts.map(() => cache.write(A));
  for (let at = 0; at < 100_000; at += 10_000) {
    for (const [i, writer] of writers.entries()) writer.write(Buffer.from(texts[i]!.slice(at, at + 10_000)));
  }
  await writers[0]!.commit();
  const reading = await cache.read(A);
  assert.deepEqual(
    await Promise.all(writers.slice(1).map((writer) => writer.commit())),
    writers.slice(1).map(() => true),
  );
  assert.equal((await buffer(reading!.stream)).toString(), texts[0]);
  assert.ok(texts.includes((await get(cache, A))!));
  assert.equal(cache.stats.entries, 1);
  assert.ok(cache.stats.bytes < 110_000);
  assert.deepEqual(await readdir(join(dir, 'speech')), [A]);
});

test('an entry may be evicted while it is read', async (t) => {
  const cache = await openSpeechCache({ dir: await folder(t), maxBytes: 100 * 4096 });
  const content = 'x'.repeat(90 * 4096);
  await keep(cache, A, content);
  const reading = await cache.read(A);
  await keep(cache, B, content);
  assert.equal(await get(cache, A), undefined);
  assert.equal((await buffer(reading!.stream)).toString(), content);
});

test('a disk that fails costs the entry, not the request', async (t) => {
  const dir = await folder(t);
  const cache = await openSpeechCache({ dir, maxBytes: MB });
  await rm(join(dir, 'speech'), { recursive: true });
  assert.equal(await keep(cache, A, 'a', 'b'), false);
  assert.equal(await get(cache, A), undefined);
  assert.equal(cache.stats.bytes, 0);
});

test('a writer that runs ahead of the disk too far is given up instead of filling memory', async (t) => {
  const cache = await openSpeechCache({ dir: await folder(t), maxBytes: 100 * MB });
  const writer = cache.write(A);
  const chunk = Buffer.alloc(MB);
  for (let i = 0; i < 20; i++) writer.write(chunk);
  assert.equal(await writer.commit(), false);
  assert.equal(cache.stats.bytes, 0);
});

test('closing gives up what is being written and leaves nothing behind', async (t) => {
  const dir = await folder(t);
  const cache = await openSpeechCache({ dir, maxBytes: MB });
  await keep(cache, A, 'a');
  const writer = cache.write(B);
  writer.write(Buffer.from('b'));
  await cache.close();
  assert.equal(await writer.commit(), false);
  assert.equal(await get(cache, A), undefined);
  const late = cache.write(C);
  late.write(Buffer.from('c'));
  assert.equal(await late.commit(), false);
  assert.deepEqual(await readdir(join(dir, 'speech')), [A]);
});

test('a key that is no hash is refused before it becomes a path', async (t) => {
  const cache = await openSpeechCache({ dir: await folder(t), maxBytes: MB });
  for (const key of ['', '../x', `${A}/..`, A.toUpperCase()]) {
    assert.throws(() => cache.write(key), TypeError);
    assert.equal(await get(cache, key), undefined);
  }
});
