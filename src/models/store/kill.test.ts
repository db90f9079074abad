import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeArchive } from '../../../test/support/archives.ts';
import type { InstallOrder } from '../../../test/support/children/install.ts';
import { HUB, testManifest } from '../../../test/support/hub.ts';
import { startBench } from '../../../test/support/model-store.ts';

const CHILD = resolve(import.meta.dirname, '../../../test/support/children/install.ts');
const KILLS = 36;

/** Starts an install in a process of its own and resolves when it has begun. */
async function begin(order: InstallOrder): Promise<ChildProcess> {
  const child = spawn(process.execPath, [CHILD, JSON.stringify(order)], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout!, 'data');
  return child;
}

/** Bytes of downloads that lie in the store, finished or not. */
function bytesThere(modelDir: string): number {
  const incoming = join(modelDir, '.incoming');
  return readdirSync(incoming, { recursive: true, withFileTypes: true })
    .filter(
      (entry) => entry.isFile() && !/unpacked-/.test(entry.parentPath) && !/\.from$|^purpose$|json$/.test(entry.name),
    )
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

test(`killed at ${KILLS} moments, no half model is ever seen, and each next install goes on where the last one was`, async (t) => {
  const { hub, store, content, leftovers, settings, dataDir } = await startBench(t);
  const big = randomBytes(1_500_000);
  const packed = Array.from({ length: 40 }, (_, i) => ({ name: `pack/d${i % 5}/f${i}`, content: randomBytes(20_000) }));
  const tar = makeArchive('tar.gz', packed);
  const wanted = new Map([
    ['model.onnx', big],
    ...packed.map((entry) => [entry.name.slice(5), entry.content] as const),
  ]);
  const archive = { ...hub.asset('pack.tar.gz', tar), format: 'tar.gz', stripComponents: 1 } as const;
  const manifest = testManifest({
    id: 'killed',
    files: [hub.file('model.onnx', big), { path: 'd0/f0' }],
    archive: { ...archive, keep: 'all' },
  });
  // Slow enough that kills meet every stage of the download.
  hub.pauseMs = 6;

  const stages = new Map<string, number>();
  let finished = 0;
  for (let round = 0; round < KILLS; round++) {
    const child = await begin({ dataDir, manifest });
    const ended = once(child, 'exit');
    // Early rounds are short, later ones longer, so that the last stages are met too.
    await Promise.race([ended, sleep(Math.random() * (30 + round * 25))]);
    child.kill('SIGKILL');
    await ended;
    const seen = content('killed');
    if (seen === undefined) {
      const names = readdirSync(join(settings.modelDir, '.incoming'), { recursive: true }).map(String);
      const stage = names.some((name) => name.includes('unpacked-'))
        ? 'unpacking'
        : names.length > 0
          ? 'downloading'
          : 'before';
      stages.set(stage, (stages.get(stage) ?? 0) + 1);
    } else {
      assert.deepEqual(new Map([...seen].sort()), new Map([...wanted].sort()), 'what is visible is whole');
      finished++;
      await store.remove('killed');
    }
  }
  t.diagnostic(`killed while ${JSON.stringify(Object.fromEntries(stages))}, after the end ${finished}`);

  const { deleted } = await store.recover();
  assert.deepEqual(
    deleted.filter((name) => name !== 'killed'),
    [],
  );
  const there = bytesThere(settings.modelDir);
  const total = big.length + tar.length;
  hub.bytesSent = 0;
  hub.pauseMs = 0;
  await store.install(manifest, { signal: new AbortController().signal });
  assert.deepEqual(new Map([...content('killed')!].sort()), new Map([...wanted].sort()));
  assert.ok(
    hub.bytesSent <= total - there,
    `${hub.bytesSent} bytes were fetched though ${there} of ${total} were there`,
  );
  assert.deepEqual(leftovers(), []);
  assert.ok(
    hub.requests.some(({ host, headers }) => host !== HUB && headers.range !== undefined),
    'some were resumed',
  );
});

test('a deletion that was killed is finished at the next start, and old downloads are forgotten', async (t) => {
  const { hub, settings, reopen, leftovers, content, store, install } = await startBench(t, {
    limits: { partialDownloadMs: 0 },
  });
  await install(testManifest({ id: 'm', files: [hub.file('a', randomBytes(10))] }));
  renameSync(join(settings.modelDir, 'm'), join(settings.modelDir, '.trash/m-0123456789ab'));
  mkdirSync(join(settings.modelDir, '.incoming/x-0123456789ab/parts'), { recursive: true });
  mkdirSync(join(settings.modelDir, '.incoming/nonsense'));
  await store.close();
  const next = await reopen();
  const { resumable, deleted } = await next.recover();
  assert.deepEqual([resumable, deleted.sort()], [[], ['m', 'nonsense', 'x']]);
  assert.deepEqual([leftovers(), content('m'), [...next.states.keys()]], [[], undefined, []]);
});

test('a new version whose old one was gone already when the process was killed takes its place at the next start', async (t) => {
  const { hub, settings, reopen, leftovers, content, store, install } = await startBench(t);
  const [first, second] = [Buffer.from('first'), Buffer.from('second')];
  await install(testManifest({ id: 'm', files: [hub.file('a', second)] }));
  // As `publish` leaves it between its two steps: the old one in the trash, the new one whole and not in its place.
  const half = join(settings.modelDir, '.incoming/m-0123456789ab');
  mkdirSync(half);
  renameSync(join(settings.modelDir, 'm'), join(half, 'model'));
  mkdirSync(join(settings.modelDir, '.trash/m-0123456789ab'));
  writeFileSync(join(settings.modelDir, '.trash/m-0123456789ab/a'), first);
  await store.close();
  const next = await reopen();
  assert.deepEqual(await next.recover(), { resumable: [], deleted: ['m'], finished: ['m'] });
  assert.deepEqual(content('m'), new Map([['a', second]]));
  assert.deepEqual([leftovers(), next.states.get('m')], [[], { state: 'ready' }]);
  const verified = await next.verify('all', { signal: new AbortController().signal });
  assert.deepEqual(
    verified.map(({ id, ok }) => [id, ok]),
    [['m', true]],
  );
});
