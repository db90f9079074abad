import type { Setting } from './kinds.ts';

/** What a setting can hold once read. */
export type Value = string | number | boolean | readonly string[];

/** A written value that does not fit. `reason` says what would; it never repeats the value. */
export class ValueError extends Error {}

const WORDS: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  '1': true,
  false: false,
  no: false,
  off: false,
  '0': false,
};

/**
 * Reads one written value: a string from the environment or a flag, or any scalar or list from a settings file.
 * Limits come back in the unit that code reads (written value times `scale`). Throws ValueError.
 */
export function parseValue(setting: Setting, written: unknown): Value {
  switch (setting.kind) {
    case 'text':
    case 'path':
    case 'secret':
      if (typeof written === 'number') return String(written);
      if (typeof written !== 'string') throw new ValueError('must be text');
      if (written.includes('\0')) throw new ValueError('must not hold a NUL character');
      return written;
    case 'bool': {
      const value = typeof written === 'boolean' ? written : WORDS[String(written).trim().toLowerCase()];
      if (value === undefined) throw new ValueError('must be true or false');
      return value;
    }
    case 'choice': {
      const value = String(written).trim().toLowerCase();
      if (!setting.values.includes(value)) throw new ValueError(`must be one of ${setting.values.join(', ')}`);
      return value;
    }
    case 'list':
      return parseList(written);
    case 'int':
    case 'number':
      return parseNumber(written, setting, setting.kind === 'int');
    case 'limit': {
      const scale = setting.scale ?? 1;
      return Math.round(parseNumber(written, setting, scale === 1) * scale);
    }
  }
}

/** The default in the unit that code reads. */
export function defaultValue(setting: Setting): Value {
  return setting.kind === 'limit' ? setting.default * (setting.scale ?? 1) : setting.default;
}

function parseNumber(written: unknown, range: { min: number; max: number; unit?: string }, whole: boolean): number {
  const text = String(written).trim();
  const value = /^[+-]?\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value) || (whole && !Number.isInteger(value)) || value < range.min || value > range.max) {
    const unit = range.unit === undefined ? '' : ` ${range.unit}`;
    throw new ValueError(`must be a ${whole ? 'whole number' : 'number'} from ${range.min} to ${range.max}${unit}`);
  }
  return value;
}

function parseList(written: unknown): readonly string[] {
  const items: unknown[] = Array.isArray(written) ? written : String(written).split(',');
  if (items.some((item) => typeof item !== 'string' && typeof item !== 'number')) {
    throw new ValueError('must be a list of texts');
  }
  return items.map((item) => String(item).trim()).filter((item) => item !== '');
}
