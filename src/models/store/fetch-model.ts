import { SpeechError } from '../../errors.ts';
import type { ModelManifest } from '../manifest.ts';
import { requireRoom } from './disk.ts';
import { type Download, type DownloadTools, downloadFile } from './download-file.ts';
import type { ProgressMeter } from './progress.ts';
import type { Slots } from './slots.ts';
import type { Workplace } from './workplace.ts';

/** An archive that is not hashed inside is expected to unpack to this many times its size; only for the disk check. */
const GUESSED_RATIO = 2;

export interface FetchTools extends Omit<DownloadTools, 'onBytes'> {
  slots: Slots;
  meter: ProgressMeter;
}

/**
 * Fetches every file of a model that has a URL, and its archive, into the workplace, several at once. The first failure
 * ends the others. Throws what `downloadFile` throws, and SpeechError `too_large`.
 */
export async function fetchModel(manifest: ModelManifest, work: Workplace, tools: FetchTools): Promise<void> {
  const { limits, meter, slots, requester } = tools;
  const downloads = await downloadsOf(manifest, work);
  const total = downloads.reduce((sum, { bytes }) => sum + bytes, 0);
  const unpacked = unpackedBytes(manifest);
  if (Math.max(total, unpacked) > limits.modelBytes) {
    throw new SpeechError('too_large', `The model '${manifest.id}' is larger than OS_MAX_MODEL_MB allows.`);
  }
  const there = await work.bytes();
  await requireRoom(work.folder, Math.max(0, total + unpacked - there), limits.diskReserveBytes);

  meter.begin('downloading', total);
  const failed = new AbortController();
  const signal = AbortSignal.any([tools.signal, failed.signal]);
  let failure: unknown;
  await Promise.all(
    downloads.map(async (download) => {
      try {
        const { host } = requester.sources.locate(download.url);
        const onBytes: DownloadTools['onBytes'] = (change, how) =>
          how === 'found' ? meter.found(change) : meter.add(change);
        await slots.run(host, signal, () => downloadFile(download, { ...tools, signal, onBytes }));
      } catch (error) {
        failure ??= error;
        // The reason of one is not that of the others: theirs is kept for the next time.
        failed.abort(new SpeechError('cancelled', 'Another file of the model did not come.'));
      }
    }),
  );
  if (failure !== undefined) throw failure;
}

async function downloadsOf(manifest: ModelManifest, work: Workplace): Promise<Download[]> {
  const { archive, id } = manifest;
  const gated = manifest.gated ?? false;
  const downloads: Download[] = [];
  for (const [index, { path, url, bytes, sha256 }] of manifest.files.entries()) {
    if (url === undefined) {
      if (archive !== undefined) continue;
      throw new SpeechError('source_not_allowed', `The manifest of '${id}' does not say where ${path} comes from.`);
    }
    const place = { path: await work.placeOf(path), stem: work.stemOf(String(index)) };
    downloads.push({ url, ...place, bytes: bytes!, sha256: sha256!, name: path, gated });
  }
  if (archive !== undefined) {
    const { url, bytes, sha256 } = archive;
    const name = `the archive of ${id}`;
    downloads.push({ url, path: work.archive, stem: work.stemOf('archive'), bytes, sha256, name, gated });
  }
  return downloads;
}

/** What the archive's content needs on the disk, as far as the manifest tells. */
function unpackedBytes({ archive, files }: ModelManifest): number {
  if (archive === undefined) return 0;
  const known = files.reduce((sum, { bytes, url }) => sum + (url === undefined ? (bytes ?? 0) : 0), 0);
  return Math.max(known, archive.bytes * (archive.format === 'tar' ? 1 : GUESSED_RATIO));
}
