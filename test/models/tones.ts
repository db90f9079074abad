/**
 * The code that the tone voice speaks and the tone recognisers read: every character is a pair of tones, one low and
 * one high, like the keys of a telephone. The tones lie far enough apart to be told from each other in a 25 ms window,
 * and all below 3 400 Hz, so that the code survives resampling, telephone rates and lossy codecs.
 */

export interface Tone {
  character: string;
  /** Hz. */
  low: number;
  high: number;
}

/** How a recogniser's features divide the spectrum: bands of equal width on one of the two mel scales in use. */
export interface MelBands {
  scale: 'slaney' | 'htk';
  /** Hz. */
  from: number;
  to: number;
}

/** sherpa-onnx always computes this many. */
export const MEL_BANDS = 80;

/** NeMo's own features. */
export const NEMO_BANDS: MelBands = { scale: 'slaney', from: 0, to: 8000 };

/** Slaney's scale is linear to 1 000 Hz and logarithmic above; HTK's is one curve. */
const SCALES = {
  slaney: {
    toMel: (hz: number) => (hz < 1000 ? (hz * 3) / 200 : 15 + Math.log(hz / 1000) * (27 / Math.log(6.4))),
    toHz: (mel: number) => (mel < 15 ? (mel * 200) / 3 : 1000 * Math.exp((mel - 15) * (Math.log(6.4) / 27))),
  },
  htk: {
    toMel: (hz: number) => 1127 * Math.log(1 + hz / 700),
    toHz: (mel: number) => 700 * (Math.exp(mel / 1127) - 1),
  },
};

const LOW_BANDS = [10, 13, 16, 19, 22, 25, 28, 31];
const HIGH_BANDS = [35, 38, 41, 44, 47, 50, 53, 56];

/** What can be spoken. Sentences end at `.`, `:`, `?` and `!`, as sherpa-onnx splits them. */
export const ALPHABET = [..."abcdefghijklmnopqrstuvwxyz0123456789 .,:;?!'-äöüßéèñ"] as const;

/** One pair per character of the alphabet, in its order: the centres of two of NeMo's bands. */
export const TONES: readonly Tone[] = ALPHABET.map((character, index) => ({
  character,
  low: bandCentre(NEMO_BANDS, LOW_BANDS[index % 8]!),
  high: bandCentre(NEMO_BANDS, HIGH_BANDS[Math.floor(index / 8)]!),
}));

/** The band whose centre is nearest to a frequency. */
export function nearestBand(bands: MelBands, hz: number): number {
  const distance = (band: number) => Math.abs(bandCentre(bands, band) - hz);
  return Array.from({ length: MEL_BANDS }, (_, band) => band).reduce((best, band) =>
    distance(band) < distance(best) ? band : best,
  );
}

function bandCentre({ scale, from, to }: MelBands, band: number): number {
  const { toMel, toHz } = SCALES[scale];
  return toHz(toMel(from) + ((toMel(to) - toMel(from)) * (band + 1)) / (MEL_BANDS + 1));
}
