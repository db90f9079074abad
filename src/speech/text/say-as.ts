import { clock, decimal, digits, fraction, MONTH_NAMES, ordinal, year } from './english.ts';

/** Values of `interpret-as`. */
export const INTERPRETATIONS = [
  'characters',
  'spell-out',
  'cardinal',
  'ordinal',
  'digits',
  'date',
  'time',
  'telephone',
  'fraction',
  'unit',
] as const;
export type Interpretation = (typeof INTERPRETATIONS)[number];

export const DATE_FORMATS = ['mdy', 'dmy', 'ymd', 'md', 'dm', 'ym', 'my', 'd', 'm', 'y'] as const;
export const TIME_FORMATS = ['hms12', 'hms24'] as const;

const SIGNS: Record<string, string> = {
  '.': 'dot',
  ',': 'comma',
  ':': 'colon',
  ';': 'semicolon',
  '-': 'dash',
  _: 'underscore',
  '/': 'slash',
  '\\': 'backslash',
  '@': 'at',
  '#': 'hash',
  '&': 'and',
  '+': 'plus',
  '=': 'equals',
  '*': 'star',
  '%': 'percent',
  '!': 'exclamation mark',
  '?': 'question mark',
  '(': 'open bracket',
  ')': 'close bracket',
  $: 'dollar',
  '€': 'euro',
  '£': 'pound',
};

/** Singular and plural. */
const UNITS: Record<string, readonly [string, string]> = {
  mm: ['millimeter', 'millimeters'],
  cm: ['centimeter', 'centimeters'],
  m: ['meter', 'meters'],
  km: ['kilometer', 'kilometers'],
  in: ['inch', 'inches'],
  '"': ['inch', 'inches'],
  ft: ['foot', 'feet'],
  "'": ['foot', 'feet'],
  yd: ['yard', 'yards'],
  mi: ['mile', 'miles'],
  mg: ['milligram', 'milligrams'],
  g: ['gram', 'grams'],
  kg: ['kilogram', 'kilograms'],
  t: ['ton', 'tons'],
  oz: ['ounce', 'ounces'],
  lb: ['pound', 'pounds'],
  ml: ['milliliter', 'milliliters'],
  l: ['liter', 'liters'],
  ms: ['millisecond', 'milliseconds'],
  s: ['second', 'seconds'],
  min: ['minute', 'minutes'],
  h: ['hour', 'hours'],
  hz: ['hertz', 'hertz'],
  khz: ['kilohertz', 'kilohertz'],
  mhz: ['megahertz', 'megahertz'],
  ghz: ['gigahertz', 'gigahertz'],
  b: ['byte', 'bytes'],
  kb: ['kilobyte', 'kilobytes'],
  mb: ['megabyte', 'megabytes'],
  gb: ['gigabyte', 'gigabytes'],
  tb: ['terabyte', 'terabytes'],
  w: ['watt', 'watts'],
  kw: ['kilowatt', 'kilowatts'],
  v: ['volt', 'volts'],
  a: ['ampere', 'amperes'],
  'km/h': ['kilometer per hour', 'kilometers per hour'],
  'm/s': ['meter per second', 'meters per second'],
  mph: ['mile per hour', 'miles per hour'],
  '°': ['degree', 'degrees'],
  '°c': ['degree Celsius', 'degrees Celsius'],
  '°f': ['degree Fahrenheit', 'degrees Fahrenheit'],
  '%': ['percent', 'percent'],
};

const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });

function characters(text: string, english: boolean): string {
  const spoken: string[] = [];
  for (const { segment } of graphemes.segment(text)) {
    if (/^\s+$/.test(segment)) continue;
    const upper = segment.toUpperCase();
    const name = english ? (/^[0-9]$/.test(segment) ? digits(segment) : SIGNS[segment]) : undefined;
    spoken.push(name ?? (upper.length === segment.length ? upper : segment));
  }
  return spoken.join(' ');
}

/** The order in which a date's numbers are written: as said, as ISO 8601 writes them, or as the country does. */
function dateOrder(parts: readonly string[], format: string | undefined, language: string): string {
  if (format !== undefined) return format;
  if (parts[0]?.length === 4) return parts.length === 2 ? 'ym' : 'ymd';
  return /^en(-us)?$/i.test(language) ? 'mdy' : 'dmy';
}

function date(text: string, format: string | undefined, language: string): string | undefined {
  const solid = /^(\d{4})(\d{2})(\d{2})$/.exec(text);
  const parts = solid === null ? text.split(/\s*[-/.\s]\s*/) : solid.slice(1);
  const order = dateOrder(parts, format, language);
  if (parts.length !== order.length || !parts.every((part) => /^\d{1,4}$/.test(part))) return undefined;
  const at = (letter: string) => (order.includes(letter) ? Number(parts[order.indexOf(letter)]) : undefined);
  const [y, m, d] = [at('y'), at('m'), at('d')];
  if (m !== undefined && (m < 1 || m > 12)) return undefined;
  if (d !== undefined && (d < 1 || d > 31)) return undefined;
  const month = m === undefined ? '' : MONTH_NAMES[m - 1]!;
  const day = d === undefined ? '' : ordinal(BigInt(d))!;
  const monthAndDay = `${month} ${day}`.trim();
  if (y === undefined) return monthAndDay;
  return monthAndDay === '' ? year(y) : `${monthAndDay}${day === '' ? '' : ','} ${year(y)}`;
}

function time(text: string, format: string | undefined): string | undefined {
  const match = /^(\d{1,2})(?:[:.](\d{2}))?(?:[:.](\d{2}))?\s?(?:([ap])\.?m\.?)?$/i.exec(text);
  if (match === null) return undefined;
  const half = match[4]?.toLowerCase() as 'a' | 'p' | undefined;
  const [hour, minute] = [Number(match[1]), Number(match[2] ?? 0)];
  const second = match[3] === undefined ? undefined : Number(match[3]);
  const twelve = half !== undefined || format === 'hms12';
  if (minute > 59 || (second ?? 0) > 59 || hour > (twelve ? 12 : 24) || (twelve && hour === 0)) return undefined;
  return clock(hour, minute, second, half);
}

function telephone(text: string): string | undefined {
  if (!/^\+?[\d\s().\-/]+(?:\s?(?:x|ext\.?)\s?\d+)?$/i.test(text) || !/\d/.test(text)) return undefined;
  const [number = '', extension] = text.split(/x|ext\.?/i);
  const plus = number.startsWith('+') ? 'plus ' : '';
  return `${plus}${digits(number)}${extension === undefined ? '' : `, extension ${digits(extension)}`}`;
}

function unit(text: string): string | undefined {
  const match = /^([-+−]?[\d,]+(?:\.\d+)?)\s?(\S{1,5})$/.exec(text);
  const name = match === null ? undefined : UNITS[match[2]!.toLowerCase()];
  const count = match === null ? undefined : decimal(match[1]!);
  if (name === undefined || count === undefined) return undefined;
  return `${count} ${/^[-+−]?1$/.test(match![1]!) ? name[0] : name[1]}`;
}

function inEnglish(text: string, as: Interpretation, format: string | undefined, language: string): string | undefined {
  switch (as) {
    case 'cardinal':
      return decimal(text);
    case 'ordinal': {
      const match = /^(\d{1,18})(?:st|nd|rd|th|\.)?$/i.exec(text);
      return match === null ? undefined : ordinal(BigInt(match[1]!));
    }
    case 'date':
      return date(text, format, language);
    case 'time':
      return time(text, format);
    case 'telephone':
      return telephone(text);
    case 'fraction':
      return fraction(text);
    case 'unit':
      return unit(text);
    default:
      return undefined;
  }
}

/**
 * The spoken form of text inside `<say-as>`. English has all interpretations; other languages have `characters`,
 * `spell-out` and `digits`, and leave the rest to the voice. Text that does not look like what it is said to be stays
 * as it is.
 * @param language BCP 47.
 */
export function sayAs(text: string, as: Interpretation, format: string | undefined, language: string): string {
  const trimmed = text.trim();
  const english = /^en(-|$)/i.test(language);
  if (as === 'characters' || as === 'spell-out') return characters(trimmed, english);
  if (as === 'digits') {
    if (!/\d/.test(trimmed)) return text;
    return english
      ? digits(trimmed)
      : trimmed
          .replace(/\D+/g, ' ')
          .trim()
          .replace(/\d(?=\d)/g, '$& ');
  }
  return (english ? inEnglish(trimmed, as, format, language) : undefined) ?? text;
}
