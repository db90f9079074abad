import { SpeechError } from '../../errors.ts';
import { MappedText } from './mapped-text.ts';

/**
 * Combining marks that one character keeps: the bound of Unicode's stream-safe text (UAX #15). Without it a pile of
 * marks makes normalisation take quadratic time.
 */
const MOST_MARKS = 30;

const TOO_MANY_MARKS = new RegExp(`\\p{M}{${MOST_MARKS + 1},}`, 'gu');

/**
 * What no voice should see: control characters but tab and line feed, soft hyphens, byte order marks, word joiners,
 * direction marks and non-characters.
 */
const UNWANTED = /[\p{Cc}\u00ad\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\ufdd0-\ufdef\ufffe\uffff]/u;
const UNWANTED_OR_BREAK = new RegExp(`\\r\\n|[\\u2028\\u2029]|${UNWANTED.source}`, 'gu');

/** One character with its marks, or a Hangul syllable in parts: normalisation never joins two of these. */
const CLUSTER =
  /(?:[\u1100-\u115f]+[\u1160-\u11a7]*[\u11a8-\u11ff]*|[\uac00-\ud7a3][\u1160-\u11ff]*|\P{M})\p{M}*|\p{M}+/gu;

function replacement(found: string): string {
  if (found === '\t' || found === '\n') return found;
  if (found === '\u2029') return '\n\n';
  return /[\r\u0085\u2028]/.test(found) ? '\n' : '';
}

/** Rewrites every match; matches that stay the same are copied with their own origins. */
function rewrite(source: MappedText, pattern: RegExp, change: (found: string) => string): MappedText {
  return MappedText.build((builder) => {
    let done = 0;
    for (const match of source.text.matchAll(pattern)) {
      const changed = change(match[0]);
      if (changed === match[0]) continue;
      const end = match.index + match[0].length;
      builder.copy(source, done, match.index);
      builder.put(changed, source.range(match.index, end));
      done = end;
    }
    builder.copy(source, done);
  });
}

/**
 * Plain-text hygiene: line endings become line feeds, what no voice should see goes, the rest is normalised to NFC.
 * Refuses half a surrogate pair with `invalid_request`: it is broken text, and no honest encoder sends it.
 */
export function tidy(source: MappedText): MappedText {
  if (!source.text.isWellFormed()) {
    throw new SpeechError('invalid_request', 'The text is not valid Unicode: it holds half of a surrogate pair.', {
      param: 'input',
    });
  }
  let text = source;
  if (UNWANTED.test(text.text) || /[\u2028\u2029]/.test(text.text))
    text = rewrite(text, UNWANTED_OR_BREAK, replacement);
  if (text.text.search(TOO_MANY_MARKS) !== -1) {
    text = rewrite(text, TOO_MANY_MARKS, (marks) => [...marks].slice(0, MOST_MARKS).join(''));
  }
  if (text.text.normalize('NFC') !== text.text) text = rewrite(text, CLUSTER, (cluster) => cluster.normalize('NFC'));
  return text;
}

/** Every run of white space becomes one space. */
export function collapseSpace(source: MappedText): MappedText {
  return /[^\S ]|\s\s/.test(source.text) ? rewrite(source, /\s+/g, () => ' ') : source;
}
