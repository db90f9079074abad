/**
 * The code that the tone voice speaks and the tone recogniser reads: every character is a pair of tones, one low and
 * one high, like the keys of a telephone. The tones are centres of mel bands that lie far enough apart to be told
 * from each other in a 25 ms window, and all lie below 3 400 Hz, so that the code survives resampling, telephone
 * rates and lossy codecs.
 */

/** Bands of the recogniser's features: 80 slaney mel bands from 0 to 8 000 Hz, as NeMo models use them. */
export const MEL_BANDS = 80;

const LOW_BANDS = [10, 13, 16, 19, 22, 25, 28, 31];
const HIGH_BANDS = [35, 38, 41, 44, 47, 50, 53, 56];

/** What can be spoken. Sentences end at `.`, `:`, `?` and `!`, as sherpa-onnx splits them. */
export const ALPHABET = [..."abcdefghijklmnopqrstuvwxyz0123456789 .,:;?!'-äöüßéèñ"] as const;

export interface Tone {
  character: string;
  lowBand: number;
  highBand: number;
  /** Hz. */
  low: number;
  high: number;
}

/** One tone pair per character of the alphabet, in its order. */
export const TONES: readonly Tone[] = ALPHABET.map((character, index) => {
  const lowBand = LOW_BANDS[index % 8]!;
  const highBand = HIGH_BANDS[Math.floor(index / 8)]!;
  return { character, lowBand, highBand, low: bandCentre(lowBand), high: bandCentre(highBand) };
});

/** Centre of a mel band in Hz, on Slaney's scale: linear to 1 000 Hz, logarithmic above. */
function bandCentre(band: number): number {
  const step = hzToMel(8000) / (MEL_BANDS + 1);
  const mel = step * (band + 1);
  return mel < 15 ? (mel * 200) / 3 : 1000 * Math.exp((mel - 15) * (Math.log(6.4) / 27));
}

/** For frequencies above 1 000 Hz. */
function hzToMel(hz: number): number {
  return 15 + Math.log(hz / 1000) * (27 / Math.log(6.4));
}
