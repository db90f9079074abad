import type { AudioFormat } from './contract.ts';

/** Media types of what `encode` writes. */
export const CONTENT_TYPES: Readonly<Record<AudioFormat, string>> = {
  mp3: 'audio/mpeg',
  opus: 'audio/opus',
  aac: 'audio/aac',
  flac: 'audio/flac',
  wav: 'audio/wav',
  pcm: 'audio/pcm',
  m4a: 'audio/mp4',
};

/** Rates a codec can carry, rising. A format that is not here carries any rate. */
const RATES: Partial<Record<AudioFormat, readonly number[]>> = {
  // MPEG-1, MPEG-2 and MPEG-2.5 Layer III.
  mp3: [8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000],
  // RFC 6716 §2; in Ogg its clock is always 48 kHz.
  opus: [8000, 12_000, 16_000, 24_000, 48_000],
  // ISO/IEC 14496-3, table of sampling frequencies, without 7350.
  aac: [8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000],
};

/** The rate in Hz at which `format` carries audio of `sampleRate` without losing any of it, as far as it can. */
export function codecRate(format: AudioFormat, sampleRate: number): number {
  const rates = RATES[format === 'm4a' ? 'aac' : format];
  return rates === undefined ? sampleRate : (rates.find((rate) => rate >= sampleRate) ?? rates.at(-1)!);
}
