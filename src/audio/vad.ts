/** The detector knows 10, 20 and 30 ms; 20 ms reacts quickly and rarely flickers. */
export const FRAME_MS = 20;
const SAMPLE_RATE = 16_000;
export const FRAME_SAMPLES = (SAMPLE_RATE * FRAME_MS) / 1000;

/** 0 lets most through, 3 least: at 2 the pauses between words show and soft speech still counts. */
const MODE = 2;
/** The detector was trained on telephone levels: below about -45 dB it hears nothing, so quiet audio is raised first. */
const WANTED_PEAK = 0.3;
const MAX_GAIN = 30;
/** How fast the remembered peak fades: by half in about ten seconds. */
const PEAK_DECAY = 0.5 ** (FRAME_MS / 10_000);

interface Fvad {
  HEAP16: Int16Array;
  _malloc(bytes: number): number;
  _fvad_new(): number;
  _fvad_set_mode(detector: number, mode: number): number;
  _fvad_set_sample_rate(detector: number, hz: number): number;
  _fvad_process(detector: number, samples: number, count: number): number;
  _fvad_reset(detector: number): void;
}

/** The voice detector of WebRTC, for one recording after another. */
export class VoiceDetector {
  #fvad: Fvad;
  #detector: number;
  #frame: number;
  #peak = 0;

  private constructor(fvad: Fvad) {
    this.#fvad = fvad;
    this.#detector = fvad._fvad_new();
    this.#frame = fvad._malloc(FRAME_SAMPLES * Int16Array.BYTES_PER_ELEMENT);
    this.reset();
  }

  static async open(): Promise<VoiceDetector> {
    // It comes without types.
    const name: string = '@echogarden/fvad-wasm';
    const { default: load } = (await import(name)) as { default: () => Promise<Fvad> };
    return new VoiceDetector(await load());
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
    this.#fvad._fvad_set_mode(this.#detector, MODE);
    this.#fvad._fvad_set_sample_rate(this.#detector, SAMPLE_RATE);
    this.#peak = 0;
  }
}
