/** The detector knows 10, 20 and 30 ms; 20 ms reacts quickly and rarely flickers. */
export const FRAME_MS = 20;
const SAMPLE_RATE = 16_000;
export const FRAME_SAMPLES = (SAMPLE_RATE * FRAME_MS) / 1000;

/** How much the detector lets through as a voice: 0 most, 3 least. */
export type VoiceMode = 0 | 1 | 2 | 3;
/** At 2 the pauses between words show and soft speech still counts. */
const USUAL_MODE: VoiceMode = 2;
/** The detector was trained on telephone levels: below about -45 dB it hears nothing, so quiet audio is raised first. */
const WANTED_PEAK = 0.3;
const MAX_GAIN = 30;
/** How fast the remembered peak fades: by half in about ten seconds. */
const PEAK_DECAY = 0.5 ** (FRAME_MS / 10_000);

interface Fvad {
  HEAP16: Int16Array;
  _malloc(bytes: number): number;
  _free(at: number): void;
  _fvad_new(): number;
  _fvad_free(detector: number): void;
  _fvad_set_mode(detector: number, mode: number): number;
  _fvad_set_sample_rate(detector: number, hz: number): number;
  _fvad_process(detector: number, samples: number, count: number): number;
  _fvad_reset(detector: number): void;
}

/** One for all detectors: an instance reserves 16 MB, a detector takes less than one KB of it. */
let shared: Promise<Fvad> | undefined;

/** The voice detector of WebRTC, for one recording after another. */
export class VoiceDetector {
  #fvad: Fvad;
  #detector: number;
  #frame: number;
  #mode: VoiceMode = USUAL_MODE;
  #peak = 0;

  private constructor(fvad: Fvad) {
    this.#fvad = fvad;
    this.#detector = fvad._fvad_new();
    this.#frame = fvad._malloc(FRAME_SAMPLES * Int16Array.BYTES_PER_ELEMENT);
    if (this.#detector === 0 || this.#frame === 0) throw new Error('There is no memory for another voice detector.');
    this.reset();
  }

  static async open(): Promise<VoiceDetector> {
    // It comes without types.
    const name: string = '@echogarden/fvad-wasm';
    shared ??= import(name).then(({ default: load }: { default: () => Promise<Fvad> }) => load());
    return new VoiceDetector(await shared);
  }

  /** Takes effect with the next frame; what was heard is not forgotten. */
  set mode(mode: VoiceMode) {
    this.#mode = mode;
    this.#fvad._fvad_set_mode(this.#detector, mode);
  }

  /** Whether there is a voice in the next `FRAME_SAMPLES` samples at 16 000 Hz. */
  hearsVoice(frame: Float32Array): boolean {
    let peak = 0;
    for (const sample of frame) peak = Math.max(peak, Math.abs(sample));
    this.#peak = Math.max(peak, this.#peak * PEAK_DECAY);
    // The detector's memory of speech outlasts it; nothing at all is no voice.
    if (peak === 0) return false;
    const scale = Math.max(1, Math.min(MAX_GAIN, WANTED_PEAK / this.#peak)) * 32_767;
    const at = this.#frame / Int16Array.BYTES_PER_ELEMENT;
    for (let i = 0; i < FRAME_SAMPLES; i++) this.#fvad.HEAP16[at + i] = frame[i]! * scale;
    return this.#fvad._fvad_process(this.#detector, this.#frame, FRAME_SAMPLES) === 1;
  }

  /** Forgets what it heard. */
  reset(): void {
    this.#fvad._fvad_reset(this.#detector);
    this.#fvad._fvad_set_mode(this.#detector, this.#mode);
    this.#fvad._fvad_set_sample_rate(this.#detector, SAMPLE_RATE);
    this.#peak = 0;
  }

  /** Gives its memory back. It must not be used afterwards. */
  close(): void {
    this.#fvad._fvad_free(this.#detector);
    this.#fvad._free(this.#frame);
  }
}
