import { FRAME_SAMPLES, VoiceDetector, type VoiceMode } from '../audio/vad.ts';

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

/**
 * WebRTC's detector, which says yes or no: its four modes are the quarters of the threshold, and the usual 0.5 is the
 * mode that recordings are cut with.
 */
export async function openVoiceActivity(): Promise<VoiceActivity> {
  const detector = await VoiceDetector.open();
  return {
    frameSamples: FRAME_SAMPLES,
    hearsVoice: (frame) => detector.hearsVoice(frame),
    setThreshold: (threshold) => {
      detector.mode = Math.max(0, Math.min(3, Math.floor(threshold * 4))) as VoiceMode;
    },
    close: () => detector.close(),
  };
}
