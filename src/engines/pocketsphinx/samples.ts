/** Peak of the noise that is added, of 32 768: exact silence, which only machines make, has no logarithm. */
const DITHER = 32;

/** Makes 16-bit samples with a little noise, the same for the same recording. */
export class SampleMaker {
  #seed = 1;

  /** `samples` is as long as `pcm`. */
  fill(samples: Int16Array, pcm: Float32Array): void {
    for (let i = 0; i < samples.length; i++) {
      // The sum of two uniform values has no step at its ends.
      const noise = DITHER * (this.#uniform() + this.#uniform() - 1);
      samples[i] = Math.max(-32_768, Math.min(32_767, Math.round(pcm[i]! * 32_767 + noise)));
    }
  }

  #uniform(): number {
    this.#seed = (Math.imul(this.#seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return this.#seed / 0x7fffffff;
  }
}
