import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { abortError, SpeechError } from '../../errors.ts';
import type { ModelArchive, ModelManifest } from '../manifest.ts';
import { exists, replaceDurably, storageError } from './disk.ts';
import { type FetchTools, fetchModel } from './fetch-model.ts';
import { contentName, expectedFiles, type KnownFile, MANIFEST_FILE, readInstalled, readManifest } from './installed.ts';
import type { Layout } from './layout.ts';
import { unpackArchive } from './unpack.ts';
import { chooseFiles, filesBelow } from './unpacked-files.ts';
import { allRight } from './verify-model.ts';
import { Workplace } from './workplace.ts';

export interface InstallTools extends FetchTools {
  layout: Layout;
}

/** Failures after which what is there is in the way of everything else on a full disk. */
const NO_ROOM: ReadonlySet<string> = new Set(['insufficient_storage', 'too_large']);
/** Failures after which an archive that is what it should be is worthless all the same. */
const WORTHLESS: ReadonlySet<string> = new Set(['integrity_failed', 'unsafe_archive']);

/**
 * Brings one model from its manifest to a finished folder. The caller holds the lock of its id. Nothing is visible
 * before all of it is right. What is there after a failure stays for the next call where going on makes sense.
 */
export async function installModel(manifest: ModelManifest, tools: InstallTools): Promise<void> {
  if (await refreshInstalled(manifest, tools)) return;
  const work = await Workplace.open(tools.layout, manifest);
  let complete = false;
  try {
    await fetchModel(manifest, work, tools);
    complete = true;
    const files = manifest.archive === undefined ? [] : await unpackInto(work, manifest, manifest.archive, tools);
    if (tools.signal.aborted) throw abortError(tools.signal);
    const fetched = manifest.files.flatMap(({ path, bytes, sha256, url }) =>
      url === undefined ? [] : [{ path, bytes: bytes!, sha256: sha256! }],
    );
    await work.publish([...fetched, ...files], 'download');
  } catch (thrown) {
    const error = storageError(thrown);
    const { code } = SpeechError.from(error);
    if (NO_ROOM.has(code) || (complete && WORTHLESS.has(code))) await work.discard();
    throw error;
  }
}

/**
 * True when the folder already has this content, every byte of it. The words of the manifest are brought up to date then,
 * except where somebody put the folder together by hand.
 */
async function refreshInstalled(manifest: ModelManifest, tools: InstallTools): Promise<boolean> {
  const folder = tools.layout.folder(manifest.id);
  if (!(await exists(join(folder, MANIFEST_FILE)))) return false;
  const installed = await readInstalled(folder).catch(() => undefined);
  if (installed !== undefined && installed.content !== contentName(manifest)) return false;
  const files = await expectedFiles(manifest, folder).catch(() => undefined);
  if (files === undefined || !(await allRight(files, folder, tools))) return false;
  const present = await readManifest(folder).catch(() => undefined);
  const byHand = installed === undefined && present !== undefined;
  if (!byHand && JSON.stringify(present) !== JSON.stringify(manifest)) {
    await replaceDurably(join(folder, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`);
  }
  return true;
}

/** Unpacks the verified archive, takes what the manifest wants, and returns it with its sizes and hashes. */
async function unpackInto(
  work: Workplace,
  manifest: ModelManifest,
  archive: ModelArchive,
  { limits, signal, meter, hashing }: InstallTools,
): Promise<KnownFile[]> {
  const unpacked = await work.newUnpacked();
  meter.begin('unpacking', archive.bytes);
  await unpackArchive({
    ...{ archive: work.archive, target: unpacked, limits, signal },
    format: archive.format,
    stripComponents: archive.stripComponents,
    onRead: (bytes) => meter.add(bytes),
  });
  const kept = chooseFiles(await filesBelow(unpacked), manifest, archive);
  meter.begin(
    'verifying',
    kept.reduce((sum, { size }) => sum + size, 0),
  );
  const files: KnownFile[] = [];
  for (const { path, size } of kept) {
    const wanted = manifest.files.find((file) => file.path === path && file.url === undefined);
    const sha256 = await hashing.follow(join(unpacked, path)).finish(size);
    if ((wanted?.bytes ?? size) !== size || (wanted?.sha256 ?? sha256) !== sha256) {
      throw new SpeechError(
        'integrity_failed',
        `${path} in the archive of '${manifest.id}' is not what its manifest says.`,
      );
    }
    files.push({ path, bytes: size, sha256 });
    meter.add(size);
  }
  for (const { path } of files) await rename(join(unpacked, path), await work.placeOf(path));
  return files;
}
