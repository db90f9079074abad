import { timestamp } from '../lib/time.ts';
import type { Transcript } from './transcript.ts';

interface TranscriptFormat {
  label: string;
  extension: string;
  type: string;
  /** Says nothing without times. */
  needsTimes: boolean;
  write(transcript: Transcript): string;
}

/** Every form in which a finished transcript can be copied and saved, by the name the API uses for it. */
export const transcriptFormats = {
  text: {
    label: 'Plain text',
    extension: 'txt',
    type: 'text/plain',
    needsTimes: false,
    write: ({ text }) => `${text.trim()}\n`,
  },
  srt: {
    label: 'SRT subtitles',
    extension: 'srt',
    type: 'application/x-subrip',
    needsTimes: true,
    write: ({ segments }) =>
      cues(segments)
        .map(({ start, end, text }, at) => `${at + 1}\n${timestamp(start, ',')} --> ${timestamp(end, ',')}\n${text}\n`)
        .join('\n'),
  },
  vtt: {
    label: 'WebVTT subtitles',
    extension: 'vtt',
    type: 'text/vtt',
    needsTimes: true,
    write: ({ segments }) =>
      `WEBVTT\n\n${cues(segments)
        .map(({ start, end, text }) => `${timestamp(start, '.')} --> ${timestamp(end, '.')}\n${escapeVtt(text)}\n`)
        .join('\n')}`,
  },
  json: {
    label: 'JSON',
    extension: 'json',
    type: 'application/json',
    needsTimes: false,
    write: ({ text }) => `${JSON.stringify({ text: text.trim() }, null, 2)}\n`,
  },
  verbose_json: {
    label: 'JSON with times',
    extension: 'json',
    type: 'application/json',
    needsTimes: true,
    write: ({ text, segments, language, duration }) =>
      `${JSON.stringify(
        {
          task: 'transcribe',
          language,
          duration,
          text: text.trim(),
          segments: segments.map(({ start, end, text: words }, id) => ({ id, start, end, text: words })),
        },
        null,
        2,
      )}\n`,
  },
} satisfies Record<string, TranscriptFormat>;

export type TranscriptFormatName = keyof typeof transcriptFormats;

/** The forms that make sense for this transcript, in the order they are offered. */
export function usableFormats(transcript: Transcript): TranscriptFormatName[] {
  return (Object.keys(transcriptFormats) as TranscriptFormatName[]).filter(
    (name) => transcript.segments.length > 0 || !transcriptFormats[name].needsTimes,
  );
}

/** Subtitles: silence has no cue, and an empty line would end a cue early. */
function cues(segments: Transcript['segments']): Transcript['segments'] {
  return segments
    .map((segment) => ({ ...segment, text: segment.text.replace(/\s*\n\s*/g, ' ').trim() }))
    .filter(({ text }) => text !== '');
}

/** WebVTT cue text may hold neither `&`, `<` nor the arrow (WebVTT §4.2). */
function escapeVtt(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
