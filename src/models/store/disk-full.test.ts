import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeTar } from '../../../test/support/archives.ts';
import { testManifest } from '../../../test/support/hub.ts';
import { startBench } from '../../../test/support/model-store.ts';
import { PartialFile } from './partial-file.ts';

/** A disk of two megabytes, where this user may mount one. */
function tinyDisk(t: TestContext): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'os-tiny-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    rmSync(folder, { recursive: true });
    return undefined;
  }
  t.after(() => {
    execFileSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true });
  });
  return folder;
}

test('a disk that fills up while a model comes gives a clear error and its room back', async (t) => {
  const disk = tinyDisk(t);
  const { hub, install, content, leftovers } = await startBench(
    t,
    disk === undefined ? {} : { settings: { modelDir: disk } },
  );
  const manifest = testManifest({ id: 'm', files: [hub.file('model.onnx', randomBytes(1_500_000))] });
  let fill: () => void = () => {};
  if (disk === undefined) {
    t.mock.method(
      PartialFile.prototype,
      'append',
      () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })),
      {
        times: 1,
      },
    );
  } else {
    // Somebody else takes the room after it was checked.
    fill = () => writeFileSync(join(disk, 'other'), Buffer.alloc(1_200_000));
    hub.misbehave = () => {
      fill();
      return false;
    };
  }
  await assert.rejects(install(manifest), { code: 'insufficient_storage' });
  assert.deepEqual([content('m'), leftovers()], [undefined, []]);
  if (disk !== undefined) rmSync(join(disk, 'other'));
  fill = () => {};
  await install(manifest);
  assert.equal(content('m')?.size, 1);
});

test('a disk that fills up while an archive unpacks gives a clear error and its room back', async (t) => {
  const disk = tinyDisk(t);
  if (disk === undefined) return t.diagnostic('this user may not mount a disk; unpacking reports ENOSPC the same way');
  const { hub, install, content, leftovers } = await startBench(t, { settings: { modelDir: disk } });
  const packed = makeTar([{ name: 'model.onnx', content: randomBytes(900_000) }]);
  const archive = { ...hub.asset('m.tar', packed), format: 'tar', stripComponents: 0, keep: [] } as const;
  mkdirSync(join(disk, 'ballast'));
  let filled = false;
  hub.misbehave = () => {
    if (!filled) writeFileSync(join(disk, 'ballast/x'), Buffer.alloc(500_000));
    filled = true;
    return false;
  };
  const manifest = testManifest({ id: 'm', files: [{ path: 'model.onnx' }], archive: { ...archive, keep: [] } });
  await assert.rejects(install(manifest), { code: 'insufficient_storage' });
  assert.deepEqual([content('m'), leftovers()], [undefined, []]);
  rmSync(join(disk, 'ballast'), { recursive: true });
  await install(manifest);
  assert.equal(content('m')?.size, 1);
});

test('on a disk without any room a model is refused with the reason, and one can be removed to make some', async (t) => {
  const disk = tinyDisk(t);
  const { hub, install, store, content } = await startBench(
    t,
    disk === undefined ? {} : { settings: { modelDir: disk } },
  );
  const manifest = testManifest({ id: 'm', files: [hub.file('model.onnx', randomBytes(500_000))] });
  await install(manifest);
  if (disk !== undefined) {
    const other = openSync(join(disk, 'other'), 'w');
    t.after(() => closeSync(other));
    assert.throws(() => {
      for (;;) writeSync(other, Buffer.alloc(4096));
    }, /ENOSPC/);
    await assert.rejects(install({ ...manifest, id: 'n' }), { code: 'insufficient_storage' });
    await assert.rejects(install({ ...manifest, description: 'new words' }), { code: 'insufficient_storage' });
    assert.equal(content('m')?.size, 1);
  }
  assert.equal(await store.remove('m'), true);
  await install(testManifest({ id: 'n', files: [hub.file('small.onnx', randomBytes(100_000))] }));
  assert.equal(content('n')?.size, 1);
});
