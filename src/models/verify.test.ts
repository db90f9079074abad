import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeTar } from '../../test/support/archives.ts';
import { testManifest } from '../../test/support/hub.ts';
import { startBench } from '../../test/support/model-store.ts';
import { Verifier } from './verify.ts';

test('a file that came out of an archive is held to the hash it had then', async (t) => {
  const { hub, install, settings } = await startBench(t);
  const content = randomBytes(5000);
  const archive = {
    ...hub.asset(
      'p.tar',
      makeTar([
        { name: 'model.onnx', content },
        { name: 'data/x', content },
      ]),
    ),
    format: 'tar',
  } as const;
  const manifest = testManifest({
    id: 'm',
    files: [{ path: 'model.onnx' }],
    archive: { ...archive, stripComponents: 0, keep: 'all' },
  });
  await install(manifest);
  const folder = join(settings.modelDir, 'm');
  const verifier = new Verifier();
  await verifier.verify(manifest, folder);

  const refused = (says: RegExp) =>
    assert.rejects(verifier.verify(manifest, folder), { code: 'model_unavailable', message: says });
  for (const path of ['model.onnx', 'data/x']) {
    const file = join(folder, path);
    const swapped = Buffer.from(content);
    swapped[2500]! ^= 1;
    writeFileSync(file, swapped);
    await refused(/SHA-256/);
    writeFileSync(file, content);
    utimesSync(file, 0, 0);
    await verifier.verify(manifest, folder);
    renameSync(file, `${file}.away`);
    await refused(/missing/);
    symlinkSync(`${file}.away`, file);
    await refused(/plain file/);
    rmSync(file);
    renameSync(`${file}.away`, file);
  }
  await verifier.verify(manifest, folder);
  await assert.rejects(
    verifier.verify({ ...manifest, archive: { ...manifest.archive!, sha256: '0'.repeat(64) } }, folder),
    {
      message: /changed after it was unpacked/,
    },
  );
  const installed = readFileSync(join(folder, 'installed.json'));
  rmSync(join(folder, 'installed.json'));
  await refused(/installed\.json is missing/);
  writeFileSync(join(folder, 'installed.json'), installed);
  await verifier.verify(manifest, folder);
});

test('as many small files as a voice has are hashed by one thread, and none where nothing changed', async (t) => {
  const { hub, install, settings } = await startBench(t);
  const entries = Array.from({ length: 300 }, (_, i) => ({ name: `data/${i}`, content: randomBytes(100) }));
  const archive = { ...hub.asset('p.tar', makeTar(entries)), format: 'tar', stripComponents: 0, keep: 'all' } as const;
  const manifest = testManifest({ id: 'm', files: [{ path: 'data/0' }], archive });
  await install(manifest);
  let threads = 0;
  const count = (): void => {
    threads++;
  };
  process.on('worker', count);
  t.after(() => process.off('worker', count));
  const verifier = new Verifier();
  await Promise.all([1, 2].map(() => verifier.verify(manifest, join(settings.modelDir, 'm'))));
  assert.ok(threads <= 2, `${threads} threads`);
  threads = 0;
  await verifier.verify(manifest, join(settings.modelDir, 'm'));
  assert.equal(threads, 0);
});
