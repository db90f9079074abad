/** English words for numbers, dates and times, for `say-as`. Values out of range give undefined: the text stays. */

const SMALL =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(
    ' ',
  );
const TENS = '- - twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');
const SCALES: readonly (readonly [bigint, string])[] = [
  [10n ** 15n, 'quadrillion'],
  [10n ** 12n, 'trillion'],
  [10n ** 9n, 'billion'],
  [10n ** 6n, 'million'],
  [1000n, 'thousand'],
];
const BEYOND = 10n ** 18n;

const IRREGULAR_ORDINALS: Record<string, string> = {
  one: 'first',
  two: 'second',
  three: 'third',
  five: 'fifth',
  eight: 'eighth',
  nine: 'ninth',
  twelve: 'twelfth',
};

export const MONTH_NAMES =
  'January February March April May June July August September October November December'.split(' ');

function belowThousand(value: number): string {
  if (value < 20) return SMALL[value]!;
  if (value < 100) return TENS[Math.floor(value / 10)]! + (value % 10 === 0 ? '' : `-${SMALL[value % 10]}`);
  const rest = value % 100;
  return `${SMALL[Math.floor(value / 100)]} hundred${rest === 0 ? '' : ` ${belowThousand(rest)}`}`;
}

/** "one thousand two hundred thirty-four"; below 10^18. */
export function cardinal(value: bigint): string | undefined {
  if (value >= BEYOND) return undefined;
  const words: string[] = [];
  let rest = value;
  for (const [scale, name] of SCALES) {
    if (rest >= scale) words.push(belowThousand(Number(rest / scale)), name);
    rest %= scale;
  }
  if (rest > 0n || words.length === 0) words.push(belowThousand(Number(rest)));
  return words.join(' ');
}

/** "one thousand two hundred thirty-fourth". */
export function ordinal(value: bigint): string | undefined {
  const words = cardinal(value);
  if (words === undefined) return undefined;
  const at = Math.max(words.lastIndexOf(' '), words.lastIndexOf('-')) + 1;
  const last = words.slice(at);
  const changed = IRREGULAR_ORDINALS[last] ?? (last.endsWith('y') ? `${last.slice(0, -1)}ieth` : `${last}th`);
  return words.slice(0, at) + changed;
}

/** Each digit by its name; other characters separate groups, which a comma parts. */
export function digits(text: string): string {
  return text
    .split(/[^0-9]+/)
    .filter((group) => group !== '')
    .map((group) => Array.from(group, (digit) => SMALL[Number(digit)]).join(' '))
    .join(', ');
}

/** "minus three point one four", with or without thousands separators. */
export function decimal(text: string): string | undefined {
  const match = /^([-+−])?(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?$/.exec(text);
  if (match === null) return undefined;
  const whole = match[2]!.replaceAll(',', '');
  const words = whole.length > 18 ? undefined : cardinal(BigInt(whole));
  if (words === undefined) return undefined;
  const sign = match[1] === undefined ? '' : match[1] === '+' ? 'plus ' : 'minus ';
  return sign + words + (match[3] === undefined ? '' : ` point ${digits(match[3])}`);
}

/** "two and three quarters" for `2 3/4`. */
export function fraction(text: string): string | undefined {
  const match = /^(?:(\d{1,15})[ +]\s?)?(\d{1,15})\s?[/⁄]\s?(\d{1,15})$/.exec(text);
  if (match === null) return undefined;
  const [above, below] = [BigInt(match[2]!), BigInt(match[3]!)];
  const whole = match[1] === undefined ? '' : `${cardinal(BigInt(match[1]))} and `;
  if (below === 0n) return undefined;
  if (below === 1n || below > 100n) return `${whole}${cardinal(above)} over ${cardinal(below)}`;
  const one = above === 1n;
  const name =
    below === 2n ? (one ? 'half' : 'halves') : `${below === 4n ? 'quarter' : ordinal(below)}${one ? '' : 's'}`;
  return `${whole}${cardinal(above)} ${name}`;
}

/** "nineteen oh five", "two thousand ten", as years are said. */
export function year(value: number): string {
  const century = Math.floor(value / 100);
  const rest = value % 100;
  if (value < 1000 || value > 9999 || (century % 10 === 0 && rest < 10)) return cardinal(BigInt(value))!;
  const tail = rest === 0 ? 'hundred' : rest < 10 ? `oh ${SMALL[rest]}` : belowThousand(rest);
  return `${belowThousand(century)} ${tail}`;
}

/** A time of day from its parts; `half` is "a.m." or "p.m." where it was written. */
export function clock(hour: number, minute: number, second: number | undefined, half: 'a' | 'p' | undefined): string {
  const words = [SMALL[hour] ?? belowThousand(hour)];
  if (minute > 0) words.push(minute < 10 ? `oh ${SMALL[minute]}` : belowThousand(minute));
  else if (half === undefined) words.push(hour >= 1 && hour <= 12 ? "o'clock" : 'hundred');
  if (second !== undefined && second > 0) {
    words.push(`and ${belowThousand(second)} ${second === 1 ? 'second' : 'seconds'}`);
  }
  if (half !== undefined) words.push(`${half.toUpperCase()} M`);
  return words.join(' ');
}
