import type { SpeakCapability } from '../../engines/contract.ts';
import { SpeechError } from '../../errors.ts';
import type { TextPart } from './parts.ts';
import { placeOf } from './ssml-source.ts';
import type { Emphasis, Prosody } from './ssml-values.ts';

/** What a model must be able to do for SSML, and the caller's own `speed`, with which `rate` is multiplied. */
export interface Speaking {
  capability: Pick<SpeakCapability, 'speed' | 'pitch' | 'phonemes'>;
  speed: number;
}

/** How emphasis sounds: louder and slower, or softer and quicker. */
const EMPHASIS: Record<Exclude<Emphasis, 'none'>, { rate: number; volumeDb: number }> = {
  strong: { rate: 0.85, volumeDb: 4 },
  moderate: { rate: 0.93, volumeDb: 2 },
  reduced: { rate: 1.07, volumeDb: -3 },
};

/** Room for rounding: 0.1 + 0.2 is within 0.3. */
const SLACK = 1e-6;

function within(value: number, range: { min: number; max: number }): boolean {
  return value >= range.min - SLACK && value <= range.max + SLACK;
}

const round = (value: number) => Number(value.toPrecision(3));

/**
 * The manner in which the model will speak a part, emphasis included. What was asked for in so many words and can't
 * be done is refused with `unsupported_by_model`, naming the element and its place; emphasis, which asks for no
 * particular sound, is kept within what the model can do.
 */
export function mannerOf(part: TextPart, { capability, speed }: Speaking, source: string): Prosody {
  const refuse = (element: string, problem: string): never => {
    const { line, column } = placeOf(source, part.from);
    throw new SpeechError('unsupported_by_model', `Line ${line}, column ${column}: <${element}>: ${problem}`, {
      param: 'input',
    });
  };
  if (part.phonemes !== undefined && capability.phonemes !== 'ipa') {
    refuse('phoneme', 'this model does not read phonemes.');
  }
  const { speed: speeds, pitch: pitches } = capability;
  if (part.pitch !== 0) {
    if (pitches === null) return refuse('prosody', 'this model cannot change its pitch.');
    if (!within(part.pitch, pitches)) {
      refuse('prosody', `this model's pitch reaches from ${pitches.min} to ${pitches.max} semitones.`);
    }
  }
  if (part.rate !== 1) {
    if (speeds === null) return refuse('prosody', 'this model cannot change its pace.');
    if (!within(part.rate * speed, speeds)) {
      const asked = speed === 1 ? round(part.rate) : `${round(part.rate)} at speed ${speed}`;
      refuse(
        'prosody',
        `this model's speed reaches from ${speeds.min} to ${speeds.max}; a rate of ${asked} is beyond.`,
      );
    }
  }
  const { rate, pitch, volumeDb } = part;
  if (part.emphasis === undefined || part.emphasis === 'none') return { rate, pitch, volumeDb };
  const emphasis = EMPHASIS[part.emphasis];
  const emphatic =
    speeds === null ? rate : Math.min(speeds.max, Math.max(speeds.min, rate * emphasis.rate * speed)) / speed;
  return { rate: emphatic, pitch, volumeDb: volumeDb + emphasis.volumeDb };
}
