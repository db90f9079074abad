import { SpeechError } from '../../errors.ts';
import type { Delivery } from './wasm.ts';

// The pace and its limits are eSpeak's (speak_lib.h: normal 175 words per minute, 80 to 450). Measured over a sentence,
// the pace follows the asked one within 3 % from half to two and a half times.
const NORMAL_RATE = 175;
export const SPEED = { min: 0.5, max: 2.5 } as const;

// Measured on six voices: with the melody's width scaled along, five steps of eSpeak's pitch are a semitone, within
// one and a half over this range and within a half up to ±4.
const STEPS_PER_SEMITONE = 5;
export const PITCH = { min: -8, max: 8 } as const;

/**
 * `speed` is 1 and `pitch` (semitones) 0 for the voice's own. SpeechError `unsupported_value` beyond `SPEED` and
 * `PITCH`.
 */
export function deliveryOf(voice: string, speed: number, pitch: number): Delivery {
  within('speed', speed, SPEED);
  within('pitch', pitch, PITCH);
  return {
    voice,
    rate: Math.round(NORMAL_RATE * speed),
    pitch: Math.round(50 + STEPS_PER_SEMITONE * pitch),
    range: Math.round(50 * 2 ** (pitch / 12)),
  };
}

function within(param: string, value: number, { min, max }: { min: number; max: number }): void {
  if (value >= min && value <= max) return;
  throw new SpeechError('unsupported_value', `${param} must be from ${min} to ${max} for this voice.`, { param });
}
