/**
 * Values of SSML attributes, after SSML 1.1 §3.2.3–3.2.4. Every function answers undefined for what it does not
 * understand; the caller names the attribute and `EXPECTED`.
 */

/** How a stretch of text is to be spoken. */
export interface Prosody {
  /** Multiplier of the voice's pace. */
  rate: number;
  /** Semitones above the voice's own pitch. */
  pitch: number;
  /** Decibels above the voice's own level. */
  volumeDb: number;
}

export const PLAIN: Readonly<Prosody> = { rate: 1, pitch: 0, volumeDb: 0 };

/** Bounds of the result however deeply elements are nested: beyond them nothing intelligible is left. */
export const PROSODY_BOUNDS = { rate: [0.1, 10], pitch: [-24, 24], volumeDb: [-96, 12] } as const;

export const EXPECTED = {
  time: 'a time such as 500ms or 1.5s',
  strength: 'none, x-weak, weak, medium, strong or x-strong',
  rate: 'x-slow, slow, medium, fast, x-fast, default, a factor such as 1.2, a percentage such as 80% or a change such as +10%',
  pitch:
    'x-low, low, medium, high, x-high, default, semitones such as +2st or a change such as -10%; hertz need a pitch that is not known here',
  volume: 'silent, x-soft, soft, medium, loud, x-loud, default or decibels such as -6dB',
  level: 'strong, moderate, reduced or none',
} as const;

const BREAK_MS: Record<string, number> = {
  none: 0,
  'x-weak': 100,
  weak: 200,
  medium: 400,
  strong: 700,
  'x-strong': 1000,
};
const RATES: Record<string, number> = { 'x-slow': 0.5, slow: 0.75, medium: 1, default: 1, fast: 1.25, 'x-fast': 1.75 };
const PITCHES: Record<string, number> = { 'x-low': -6, low: -3, medium: 0, default: 0, high: 3, 'x-high': 6 };
const VOLUMES: Record<string, number> = {
  silent: -96,
  'x-soft': -12,
  soft: -6,
  medium: 0,
  default: 0,
  loud: 4,
  'x-loud': 8,
};
const EMPHASES = ['strong', 'moderate', 'reduced', 'none'] as const;
export type Emphasis = (typeof EMPHASES)[number];

/** A decimal number without exponent, at most 16 characters, so that no regular expression meets a long one. */
function decimal(text: string): number | undefined {
  return text.length <= 16 && /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)$/.test(text) ? Number(text) : undefined;
}

function named(names: Record<string, number>, text: string): number | undefined {
  return Object.hasOwn(names, text) ? names[text] : undefined;
}

/** The number before a unit; undefined where the unit or the number is missing. */
function withUnit(text: string, unit: RegExp): number | undefined {
  const match = unit.exec(text);
  return match === null ? undefined : decimal(text.slice(0, match.index).trimEnd());
}

const signed = (text: string) => /^[-+]/.test(text);

/** Milliseconds of `500ms`, `1.5s`. May be huge; the caller bounds it. */
export function parseTime(text: string): number | undefined {
  const ms = withUnit(text, /ms$/);
  const value = ms ?? withUnit(text, /s$/);
  if (value === undefined || text.startsWith('-')) return undefined;
  return ms === undefined ? value * 1000 : value;
}

/** Milliseconds of a pause by its strength. */
export function parseStrength(text: string): number | undefined {
  return named(BREAK_MS, text);
}

/** Names, factors and plain percentages count from the voice's own pace, `+10%` from the pace around. */
export function parseRate(text: string, around: number): number | undefined {
  const percent = withUnit(text, /%$/);
  if (percent !== undefined) return signed(text) ? around * (1 + percent / 100) : percent / 100;
  return named(RATES, text) ?? (signed(text) ? undefined : decimal(text));
}

/** Names count from the voice's own pitch, changes from the pitch around. */
export function parsePitch(text: string, around: number): number | undefined {
  const semitones = withUnit(text, /st$/);
  if (semitones !== undefined) return around + semitones;
  const percent = signed(text) ? withUnit(text, /%$/) : undefined;
  if (percent !== undefined) return percent > -100 ? around + 12 * Math.log2(1 + percent / 100) : undefined;
  return named(PITCHES, text);
}

/** Names count from the voice's own level, decibels from the level around. */
export function parseVolume(text: string, around: number): number | undefined {
  const decibels = withUnit(text, /dB$/i);
  return decibels === undefined ? named(VOLUMES, text) : around + decibels;
}

export function parseEmphasis(text: string): Emphasis | undefined {
  return EMPHASES.find((level) => level === text);
}

/** IPA: letters, marks and modifiers, stress, length, linking and boundary signs, tone arrows and digits. */
export function isIpa(text: string): boolean {
  return /\p{L}/u.test(text) && /^[\p{L}\p{M}\u02e5-\u02e9 .|‖‿ˈˌːˑ'’ʼ↗↘↑↓ꜛꜜ()0-9-]+$/u.test(text);
}
