import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { PartialFile } from './partial-file.ts';

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'os-partial-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('bytes lie in the file in their order, however few of them the system takes at once', async (t) => {
  const folder = folderFor(t);
  const any = await open(join(folder, 'any'), 'w');
  const handles = Object.getPrototypeOf(any) as FileHandle;
  await any.close();
  let takes = 0;
  t.mock.method(handles, 'writev', async function (this: FileHandle, pieces: Uint8Array[], position: number) {
    const few = Buffer.concat(pieces).subarray(0, [1, 700, 1000, 1700][takes++ % 4]);
    return { bytesWritten: (await this.write(few, 0, few.length, position)).bytesWritten, buffers: pieces };
  });
  const content = randomBytes(40_000);
  const file = await PartialFile.open(join(folder, 'model'));
  for (let at = 0; at < content.length; at += 1000) await file.append(content.subarray(at, at + 1000));
  await file.finish(join(folder, 'model'));
  assert.ok(takes > 4);
  assert.deepEqual(readFileSync(join(folder, 'model')), content);
});

test('whoever adds bytes is held up once too many of them wait for the disk', async (t) => {
  const file = await PartialFile.open(join(folderFor(t), 'model'));
  const piece = Buffer.alloc(1024 * 1024);
  const waits: (Promise<void> | undefined)[] = [];
  for (let i = 0; i < 9; i++) waits.push(file.append(piece));
  assert.deepEqual(waits.slice(0, 8), Array(8).fill(undefined));
  await waits[8];
  assert.equal(file.written, 9 * piece.length);
  await file.close();
});
