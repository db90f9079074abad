import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Settings } from '../../config/kinds.ts';
import { abortError, SpeechError } from '../../errors.ts';
import type { ModelManifest } from '../manifest.ts';
import { type Bundle, bundleHead, invalid, readBundle, signedBytes } from './bundle-format.ts';
import { exists, flushFolder, requireRoom, storageError } from './disk.ts';
import type { Hashing } from './hashing.ts';
import { contentName, expectedFiles, readManifest } from './installed.ts';
import type { Layout } from './layout.ts';
import type { ProgressMeter } from './progress.ts';
import { acceptedSigners, fingerprintOf, type Signer } from './signing.ts';
import { EntryGuard } from './unpack/entry-guard.ts';
import { BadArchive } from './unpack/job.ts';
import { chooseFiles } from './unpacked-files.ts';
import { Workplace } from './workplace.ts';

export interface BundleTools {
  layout: Layout;
  hashing: Hashing;
  limits: Settings['limits'];
  meter: ProgressMeter;
  signal: AbortSignal;
}

/**
 * Writes an installed model and its manifest into one signed file, which must not be there yet. Every byte is hashed on
 * its way. Throws SpeechError `model_not_found`, `conflict`, `integrity_failed`, `insufficient_storage`, `cancelled`.
 */
export async function exportBundle(id: string, path: string, signer: Signer, tools: BundleTools): Promise<void> {
  const { layout, meter, signal, hashing } = tools;
  const folder = layout.folder(id);
  const manifest = await readManifest(folder).catch(() => undefined);
  if (manifest?.id !== id)
    throw new SpeechError('model_not_found', `The model '${id}' is not on this disk.`, { param: 'model' });
  if (await exists(path)) throw new SpeechError('conflict', 'There is a file of this name already.');
  const files = await expectedFiles(manifest, folder).catch((error: Error) => {
    throw new SpeechError('integrity_failed', `The model '${id}' cannot be exported: ${error.message}.`);
  });
  const listing = { manifest, files: files.map((file) => ({ ...file })) };
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  meter.begin('verifying', total);
  const temporary = `${path}.part`;
  try {
    await requireRoom(dirname(path), total, 0);
    const bundle = await open(temporary, 'w', 0o644);
    try {
      await bundle.writeFile(bundleHead(listing, signer.sign(signedBytes(listing))));
      for (const file of files) {
        if (signal.aborted) throw abortError(signal);
        const source = join(folder, file.path);
        if (
          (await hashing
            .follow(source)
            .finish(file.bytes)
            .catch(() => '')) !== file.sha256
        ) {
          throw new SpeechError('integrity_failed', `${file.path} of '${id}' is not what its manifest says.`);
        }
        await append(bundle, source, file.bytes, signal);
        meter.add(file.bytes);
      }
      await bundle.sync();
    } finally {
      await bundle.close();
    }
    await rename(temporary, path);
    await flushFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw storageError(error);
  }
}

async function append(bundle: FileHandle, source: string, bytes: number, signal: AbortSignal): Promise<void> {
  if (bytes === 0) return;
  const content = createReadStream(source, { end: bytes - 1, highWaterMark: 1 << 20 });
  for await (const chunk of content as AsyncIterable<Buffer>) {
    if (signal.aborted) throw abortError(signal);
    await bundle.write(chunk);
  }
}

/**
 * Opens a bundle and decides whether it may be imported: signed by this server, by a signer accepted before, or by the
 * one whose fingerprint is given. Where the catalogue knows the id, the content must be the catalogue's. Throws
 * SpeechError `invalid_bundle`, `unknown_signer` or `integrity_failed`.
 */
export async function judgeBundle(
  path: string,
  trust: { own: string; dataDir: string; accepted: string | undefined },
  catalogued: ((id: string) => ModelManifest | undefined) | undefined,
): Promise<{ bundle: Bundle; manifest: ModelManifest; signer: string }> {
  const file = await open(path, 'r').catch(() => {
    throw invalid('it cannot be read');
  });
  const bundle = await readBundle(file).finally(() => file.close());
  const signer = fingerprintOf(bundle.signature.publicKey);
  if (![trust.own, trust.accepted, ...acceptedSigners(trust.dataDir)].includes(signer)) {
    throw new SpeechError(
      'unknown_signer',
      `The bundle is signed by ${signer}, which this server does not know: compare that with its maker, then accept it explicitly (--accept-signer).`,
      { param: 'accept_signer' },
    );
  }
  const { manifest: said } = bundle.listing;
  const known = catalogued?.(said.id);
  if (known !== undefined && contentName(known) !== contentName(said)) {
    throw new SpeechError('integrity_failed', `The bundle's '${said.id}' is not the one of the catalogue.`);
  }
  checkListing(bundle);
  // The catalogue's words about licence and quality count, not the bundle's.
  return { bundle, manifest: known ?? said, signer };
}

/** Throws SpeechError `invalid_bundle` unless the listing has what the manifest asks for, and nothing else. */
function checkListing({ listing: { manifest, files } }: Bundle): void {
  const noRatio = { maxRatio: Number.POSITIVE_INFINITY, archiveBytes: 1, maxBytes: Number.POSITIVE_INFINITY };
  const guard = new EntryGuard({
    ...noRatio,
    maxEntries: files.length,
    maxDepth: 64,
    maxNameBytes: 255,
    stripComponents: 0,
  });
  try {
    for (const { path } of files) guard.accept({ name: path, type: 'file' });
  } catch (error) {
    if (error instanceof BadArchive) throw invalid(error.message);
    throw error;
  }
  for (const wanted of manifest.files) {
    const file = files.find(({ path }) => path === wanted.path);
    const fits =
      file !== undefined &&
      (wanted.bytes ?? file.bytes) === file.bytes &&
      (wanted.sha256 ?? file.sha256) === file.sha256;
    if (!fits) throw invalid(`${wanted.path} is not what its manifest says`);
  }
  const listed = new Set(manifest.files.map(({ path }) => path));
  const others = files.filter(({ path }) => !listed.has(path));
  const sizes = files.map(({ path, bytes }) => ({ path, size: bytes }));
  const kept = manifest.archive === undefined ? [] : chooseFiles(sizes, manifest, manifest.archive);
  const allowed = new Set(kept.map(({ path }) => path));
  const stray = others.find(({ path }) => !allowed.has(path));
  if (stray !== undefined) throw invalid(`${stray.path} is not part of its manifest`);
}

/** Puts the model of a judged bundle in place. The caller holds the lock of its id. */
export async function importBundle(
  path: string,
  { bundle, manifest, signer }: Awaited<ReturnType<typeof judgeBundle>>,
  tools: BundleTools,
): Promise<void> {
  const { layout, hashing, limits, meter, signal } = tools;
  const { files } = bundle.listing;
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total > limits.modelBytes) throw new SpeechError('too_large', 'The model is larger than OS_MAX_MODEL_MB allows.');
  await requireRoom(layout.root, total, limits.diskReserveBytes);
  await (await Workplace.open(layout, manifest)).discard();
  const work = await Workplace.open(layout, manifest);
  meter.begin('verifying', total);
  try {
    let at = bundle.contentAt;
    for (const file of files) {
      const place = await work.placeOf(file.path);
      // A stream has no way to say "no bytes".
      const content = file.bytes === 0 ? [] : createReadStream(path, { start: at, end: at + file.bytes - 1 });
      await pipeline(content, createWriteStream(place, { mode: 0o644 }), { signal });
      const sha256 = await hashing
        .follow(place)
        .finish(file.bytes)
        .catch(() => undefined);
      if (sha256 !== file.sha256)
        throw new SpeechError('integrity_failed', `${file.path} in the bundle is not what its listing says.`);
      at += file.bytes;
      meter.add(file.bytes);
    }
    await work.publish(files, signer);
  } catch (error) {
    await work.discard();
    throw signal.aborted ? abortError(signal) : storageError(error);
  }
}
