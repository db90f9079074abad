import type { Container as Foreign } from './contract.ts';

/** Containers we read, by what their first bytes say. `wav` we read ourselves, the others with FFmpeg. */
export type Container = 'wav' | Foreign;

/** Bytes of the file at a position; fewer where it ends. */
export type ReadAt = (position: number, length: number) => Uint8Array;

const MAX_TAGS = 4;
/** Some files have padding between their tags and the first frame. */
const MAX_PADDING = 65_536;
/** Longer than any two frames of MP3 or ADTS. */
const TWO_FRAMES = 16_384;

/**
 * The container of a file, found by its content alone: names and media types are not believed. The signature has to
 * stand at the very start, so that a file which is something else first (a web page, an archive) is refused. Pure
 * MPEG audio has no signature: two frame headers must follow each other, at the start or after ID3 tags.
 */
export function sniff(readAt: ReadAt): Container | undefined {
  const head = latin1(readAt(0, 12));
  if (head.startsWith('RIFF') && head.endsWith('WAVE')) return 'wav';
  if (head.startsWith('FORM') && /AIF[FC]$/.test(head)) return 'aiff';
  if (head.startsWith('OggS')) return 'ogg';
  if (head.startsWith('fLaC')) return 'flac';
  if (head.startsWith('\x1a\x45\xdf\xa3')) return 'matroska';
  if (head.slice(4, 8) === 'ftyp') return 'mov';

  const start = afterTags(readAt);
  const padding = start === 0 ? 0 : MAX_PADDING;
  const bytes = readAt(start, padding + TWO_FRAMES);
  if (latin1(bytes.subarray(0, 4)) === 'fLaC') return 'flac';
  for (let at = 0; at <= padding && at < bytes.length; at++) {
    if (areFrames(bytes, at, mp3FrameBytes)) return 'mp3';
    if (areFrames(bytes, at, adtsFrameBytes)) return 'aac';
  }
  return undefined;
}

/** The position after the ID3v2 tags at the start (id3.org, ID3v2.4 §3.1). */
function afterTags(readAt: ReadAt): number {
  let position = 0;
  for (let tag = 0; tag < MAX_TAGS; tag++) {
    const header = readAt(position, 10);
    if (header.length < 10 || latin1(header.subarray(0, 3)) !== 'ID3') break;
    const size = header.subarray(6, 10).reduce((sum, byte) => sum * 128 + (byte & 0x7f), 0);
    const footer = header[5]! & 0x10 ? 10 : 0;
    position += 10 + size + footer;
  }
  return position;
}

/** One whole frame that ends the file, or one that another frame follows. */
function areFrames(bytes: Uint8Array, at: number, frameBytes: (header: Uint8Array) => number | undefined): boolean {
  const first = frameBytes(bytes.subarray(at));
  if (first === undefined) return false;
  return at + first === bytes.length || frameBytes(bytes.subarray(at + first)) !== undefined;
}

const MPEG1_KBITS = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const MPEG2_KBITS = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
const MPEG1_RATES = [44_100, 48_000, 32_000];

/** ISO/IEC 11172-3 and 13818-3, Layer III, and the MPEG-2.5 rates. */
function mp3FrameBytes(header: Uint8Array): number | undefined {
  if (header.length < 4 || header[0] !== 0xff || (header[1]! & 0xe6) !== 0xe2) return undefined;
  const version = (header[1]! >> 3) & 3;
  const kbits = (version === 3 ? MPEG1_KBITS : MPEG2_KBITS)[header[2]! >> 4];
  const rate = MPEG1_RATES[(header[2]! >> 2) & 3];
  if (version === 1 || !kbits || rate === undefined) return undefined;
  const divisor = version === 3 ? 1 : version === 2 ? 2 : 4;
  const samplesPerFrame = version === 3 ? 1152 : 576;
  const padding = (header[2]! >> 1) & 1;
  return Math.floor((samplesPerFrame * kbits * 125) / (rate / divisor)) + padding;
}

/** ISO/IEC 13818-7 §6.2. */
function adtsFrameBytes(header: Uint8Array): number | undefined {
  if (header.length < 7 || header[0] !== 0xff || (header[1]! & 0xf6) !== 0xf0) return undefined;
  if (((header[2]! >> 2) & 15) > 12) return undefined;
  const length = ((header[3]! & 3) << 11) | (header[4]! << 3) | (header[5]! >> 5);
  return length > 7 ? length : undefined;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
