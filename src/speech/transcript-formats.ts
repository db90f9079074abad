import type { TranscriptSegment } from './transcribe.ts';

export const TRANSCRIPT_FORMATS = ['json', 'text', 'srt', 'verbose_json', 'vtt', 'diarized_json'] as const;
export type TranscriptFormat = (typeof TRANSCRIPT_FORMATS)[number];

export interface Transcript {
  segments: readonly TranscriptSegment[];
  durationMs: number;
  /** BCP 47, where the segments do not say. */
  language: string;
  task: 'transcribe' | 'translate';
  /** Whether `verbose_json` lists the words. */
  words: boolean;
  /** Whether `verbose_json` lists the segments. */
  segmentTimes: boolean;
}

/** A finished transcript in the asked format, with the content type that the OpenAI SDKs parse it by. */
export function transcriptBody(
  format: TranscriptFormat,
  transcript: Transcript,
): { contentType: string; body: string | object } {
  const { segments } = transcript;
  switch (format) {
    case 'text':
      return { contentType: 'text/plain; charset=utf-8', body: `${plainText(segments)}\n` };
    case 'srt':
      return { contentType: 'text/plain; charset=utf-8', body: srt(segments) };
    case 'vtt':
      return { contentType: 'text/vtt; charset=utf-8', body: vtt(segments) };
    case 'verbose_json':
      return { contentType: JSON_TYPE, body: verbose(transcript) };
    case 'diarized_json':
      return { contentType: JSON_TYPE, body: diarized(transcript) };
    default:
      return { contentType: JSON_TYPE, body: { text: joinText(segments), usage: usageOf(transcript.durationMs) } };
  }
}

const JSON_TYPE = 'application/json; charset=utf-8';

/** Writing systems that put no space between sentences. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\u3000-\u303F\uFF00-\uFFEF]/u;

/** What stands between a text and the one that follows it. */
export function separator(before: string, after: string): '' | ' ' {
  if (before === '' || after === '') return '';
  return UNSPACED.test(before.at(-1)!) || UNSPACED.test(after[0]!) ? '' : ' ';
}

export function joinText(segments: readonly { text: string }[]): string {
  return segments.reduce((text, segment) => text + separator(text, segment.text) + segment.text, '');
}

/** One paragraph, or where speakers are told apart one for each turn. */
function plainText(segments: readonly TranscriptSegment[]): string {
  const turns: { speaker: string | undefined; text: string }[] = [];
  for (const { text, speaker } of segments) {
    const last = turns.at(-1);
    if (last === undefined || last.speaker !== speaker) turns.push({ speaker, text });
    else last.text += separator(last.text, text) + text;
  }
  return turns.map(({ speaker, text }) => (speaker === undefined ? text : `${speaker}: ${text}`)).join('\n');
}

/** How segments that tell their speaker are named. */
export const segmentId = (index: number): string => `seg_${String(index + 1).padStart(3, '0')}`;

function diarized({ segments, durationMs, task }: Transcript): object {
  return {
    task,
    duration: seconds(durationMs),
    text: joinText(segments),
    segments: segments.map(({ text, startMs, endMs, speaker }, index) => ({
      type: 'transcript.text.segment',
      id: segmentId(index),
      start: seconds(startMs),
      end: seconds(endMs),
      text,
      speaker: speaker ?? 'A',
    })),
    usage: usageOf(durationMs),
  };
}

function usageOf(durationMs: number): { type: 'duration'; seconds: number } {
  return { type: 'duration', seconds: Math.ceil(durationMs / 1000) };
}

/** All ten segment fields are always there: some clients refuse the whole answer when one is missing. */
function verbose({ segments, durationMs, language, task, words, segmentTimes }: Transcript): object {
  const spoken = segments.find((segment) => segment.language !== undefined)?.language ?? language;
  return {
    task,
    language: languageName(task === 'translate' ? 'en' : spoken),
    duration: seconds(durationMs),
    text: joinText(segments),
    ...(segmentTimes
      ? {
          segments: segments.map((segment, id) => ({
            id,
            seek: 0,
            start: seconds(segment.startMs),
            end: seconds(segment.endMs),
            text: segment.text,
            tokens: [],
            temperature: 0,
            // The mean of the logarithms of token probabilities is what confidence is to engines that tell one.
            avg_logprob: segment.confidence === undefined ? 0 : Math.log(Math.max(segment.confidence, 1e-6)),
            compression_ratio: 1,
            no_speech_prob: 0,
            ...(segment.speaker === undefined ? {} : { speaker: segment.speaker }),
          })),
        }
      : {}),
    ...(words
      ? {
          words: segments.flatMap((segment) =>
            (segment.words ?? []).map(({ word, startMs, endMs }) => ({
              word: word.trim(),
              start: seconds(startMs),
              end: seconds(endMs),
            })),
          ),
        }
      : {}),
    usage: usageOf(durationMs),
  };
}

/** Made when it is first needed: it takes longer than everything else in this file. */
let languageNames: Intl.DisplayNames | undefined;

/** OpenAI writes languages as English names in lower case: `english`. */
export function languageName(tag: string): string {
  languageNames ??= new Intl.DisplayNames(['en'], { type: 'language' });
  return (languageNames.of(tag.split('-', 1)[0]!) ?? tag).toLowerCase();
}

function srt(segments: readonly TranscriptSegment[]): string {
  return cues(segments)
    .map(({ startMs, endMs, text, speaker }, i) => {
      const said = speaker === undefined ? text : `${speaker}: ${text}`;
      return `${i + 1}\n${clock(startMs, ',')} --> ${clock(endMs, ',')}\n${said}\n\n`;
    })
    .join('');
}

function vtt(segments: readonly TranscriptSegment[]): string {
  const written = cues(segments).map(({ startMs, endMs, text, speaker }) => {
    // `-->` would end a cue's text early, `>` and a line the name.
    const voice = speaker === undefined ? '' : `<v ${speaker.replace(/[<>&\s]+/g, ' ')}>`;
    return `${clock(startMs, '.')} --> ${clock(endMs, '.')}\n${voice}${text.replaceAll('-->', '->')}\n\n`;
  });
  return `WEBVTT\n\n${written.join('')}`;
}

function cues(segments: readonly TranscriptSegment[]): TranscriptSegment[] {
  return segments.filter((segment) => segment.text.trim() !== '');
}

/** `01:02:03,004` */
function clock(ms: number, decimal: ',' | '.'): string {
  const whole = Math.round(ms);
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  const time = `${two(whole / 3_600_000)}:${two((whole / 60_000) % 60)}:${two((whole / 1000) % 60)}`;
  return `${time}${decimal}${String(whole % 1000).padStart(3, '0')}`;
}

function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}
