import { FRAME_MS, FRAME_SAMPLES, VoiceDetector, type VoiceMode } from '../audio/vad.ts';

/** Tells voice from everything else, frame by frame, for one session. */
export interface VoiceActivity {
  /** Of one frame, at 16 000 Hz. */
  readonly frameSamples: number;
  /** Whether there is a voice in the next frame. */
  hearsVoice(frame: Float32Array): boolean;
  /** 0 to 1: how sure it has to be. */
  setThreshold(threshold: number): void;
  close(): void;
}

/** A voice stands out of the noise of its room by at least this. */
const ABOVE_NOISE_DB = 6;
/** What the noise is taken for before anything was heard, and the least that it is ever taken for. */
const FIRST_NOISE_DB = -50;
const LEAST_NOISE_DB = -70;
/** How fast it is taken to rise while no frame is quieter. Between words there are always some. */
const NOISE_RISE_DB = (3 * FRAME_MS) / 1000;

/**
 * WebRTC's detector, which says yes or no: its four modes are the quarters of the threshold, and the usual 0.5 is the
 * mode that recordings are cut with. Because it is given quiet audio at a raised level, it takes the noise of a quiet
 * room for a voice; what is no louder than the quietest moments lately is none.
 */
export async function openVoiceActivity(): Promise<VoiceActivity> {
  const detector = await VoiceDetector.open();
  let noiseDb = FIRST_NOISE_DB;
  return {
    frameSamples: FRAME_SAMPLES,
    hearsVoice: (frame) => {
      const levelDb = levelOf(frame);
      noiseDb = Math.max(LEAST_NOISE_DB, Math.min(levelDb, noiseDb + NOISE_RISE_DB));
      return detector.hearsVoice(frame) && levelDb >= noiseDb + ABOVE_NOISE_DB;
    },
    setThreshold: (threshold) => {
      detector.mode = Math.max(0, Math.min(3, Math.floor(threshold * 4))) as VoiceMode;
    },
    close: () => detector.close(),
  };
}

function levelOf(frame: Float32Array): number {
  let power = 0;
  for (let i = 0; i < frame.length; i++) power += frame[i]! * frame[i]!;
  return 10 * Math.log10(power / frame.length + 1e-12);
}
