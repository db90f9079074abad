import type { FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { SpeechError } from '../../errors.ts';
import { modelManifestSchema } from '../manifest.ts';
import { knownFileSchema } from './installed.ts';
import { isSigned, type Signature } from './signing.ts';

/**
 * A bundle is one file: this line, the length of the head in four bytes (big-endian), the head as JSON, then the
 * content of every file in the order of the listing, with nothing between or behind.
 */
const MAGIC = Buffer.from('open-speech model bundle 1\n');
const MAX_HEAD_BYTES = 16 * 1024 * 1024;

const listingSchema = z.strictObject({ manifest: modelManifestSchema, files: z.array(knownFileSchema).max(100_000) });
const headSchema = z.strictObject({
  listing: listingSchema,
  publicKey: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  signature: z.string().regex(/^[A-Za-z0-9_-]{86}$/),
});

/** Everything that a bundle says about itself, and what its signature is over. */
export type Listing = z.infer<typeof listingSchema>;

export interface Bundle {
  listing: Listing;
  signature: Signature;
  /** Where the first file's content begins. */
  contentAt: number;
}

/** The bytes that are signed. Keys are in order, so that the same listing has the same bytes everywhere. */
export function signedBytes(listing: Listing): Buffer {
  return Buffer.concat([MAGIC, Buffer.from(canonical(listing))]);
}

export function bundleHead(listing: Listing, signature: Signature): Buffer {
  const head = Buffer.from(JSON.stringify({ listing, ...signature }));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(head.length);
  return Buffer.concat([MAGIC, length, head]);
}

/**
 * Reads the head of a bundle and checks that its signature fits and that the file has the length it says. Whose
 * signature it is remains for the caller to judge. Throws SpeechError `invalid_bundle`.
 */
export async function readBundle(file: FileHandle): Promise<Bundle> {
  const stats = await file.stat();
  if (!stats.isFile()) throw invalid('it is not a file');
  const start = await readAt(file, 0, MAGIC.length + 4);
  if (!start.subarray(0, MAGIC.length).equals(MAGIC)) throw invalid('it is not a bundle of models');
  const length = start.readUInt32BE(MAGIC.length);
  if (length > MAX_HEAD_BYTES) throw invalid('its listing is too long');
  const contentAt = start.length + length;
  const head = parseHead(await readAt(file, start.length, length));
  const signature = { publicKey: head.publicKey, signature: head.signature };
  if (!isSigned(signedBytes(head.listing), signature)) throw invalid('its signature does not fit its listing');
  const bytes = head.listing.files.reduce((sum, file) => sum + file.bytes, contentAt);
  if (stats.size !== bytes) throw invalid(`it has ${stats.size} bytes instead of ${bytes}`);
  return { listing: head.listing, signature, contentAt };
}

function parseHead(head: Buffer): z.infer<typeof headSchema> {
  let raw: unknown;
  try {
    raw = JSON.parse(head.toString('utf8'));
  } catch {
    throw invalid('its listing is damaged');
  }
  const parsed = headSchema.safeParse(raw);
  if (!parsed.success) throw invalid('its listing does not follow the format');
  return parsed.data;
}

async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
  if (bytesRead < length) throw invalid('it is cut off');
  return buffer;
}

/** JSON with the keys of every object in order. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(',')}}`;
}

export function invalid(reason: string): SpeechError {
  return new SpeechError('invalid_bundle', `The bundle was refused: ${reason}.`);
}
