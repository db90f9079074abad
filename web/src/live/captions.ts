import type { Transcript } from '../transcribe/transcript.ts';
import type { Moments } from './latency.ts';

/** One utterance. */
export interface Paragraph {
  id: string;
  /** What will stay. */
  confirmed: string;
  /** What may still change, behind it. */
  tentative: string;
  /** Seconds since captions were first started. */
  start: number;
  end: number;
  done: boolean;
  language: string | null;
  moments: Moments;
}

export interface Captions {
  /** No more than `MAX_PARAGRAPHS`: the oldest go. */
  paragraphs: readonly Paragraph[];
  /** Paragraphs that went. */
  dropped: number;
}

export const NO_CAPTIONS: Captions = { paragraphs: [], dropped: 0 };
/** Some two hours of talk. */
export const MAX_PARAGRAPHS = 1000;

/** Where an event came from: sockets count utterances and seconds from their own beginning. */
export interface CaptionLine {
  /** Of this socket. */
  session: number;
  /** Seconds since captions were first started at which it began. */
  offset: number;
  now: number;
  /** When a position in its sound (ms) took place. */
  timeOf(ms: number): number | null;
  /** The pause that ends an utterance. */
  pauseMs: number;
}

/** What is shown after one event of `WS /v1/audio/stream` (docs/sockets.md). Others, and faulty ones, change nothing. */
export function withCaptionEvent(captions: Captions, event: Record<string, unknown>, line: CaptionLine): Captions {
  const { utterance } = event;
  if (typeof utterance !== 'number') return captions;
  const id = `${line.session}.${utterance}`;
  if (event.type === 'transcript') return withTranscript(captions, id, event, line);
  if (event.type === 'vad' && event.state === 'speech_end' && typeof event.at === 'number') {
    return withSpeechEnd(captions, id, event.at * 1000, line);
  }
  return captions;
}

function withTranscript(
  captions: Captions,
  id: string,
  event: Record<string, unknown>,
  { offset, now }: CaptionLine,
): Captions {
  const { text, start, end, language } = event;
  if (typeof text !== 'string' || typeof start !== 'number' || typeof end !== 'number') return captions;
  const before = captions.paragraphs.find((paragraph) => paragraph.id === id);
  const confirmed = event.is_final === true ? text : (before?.confirmed ?? '');
  const done = event.speech_final === true;
  return put(captions, {
    id,
    confirmed,
    // Confirmed words come by themselves: until the rest is told again it is what it was.
    tentative: done ? '' : behind(event.is_final === true ? wordsOf(before) : text, confirmed),
    start: offset + start,
    end: offset + end,
    done,
    language: typeof language === 'string' ? language : null,
    moments: { ...before?.moments, ...(done && { transcribed: now }) },
  });
}

/** Behind its transcript. An utterance without one held no words: what seemed to be some goes. */
function withSpeechEnd(captions: Captions, id: string, atMs: number, { timeOf, pauseMs }: CaptionLine): Captions {
  const before = captions.paragraphs.find((paragraph) => paragraph.id === id);
  if (before === undefined) return captions;
  if (!before.done) {
    return { ...captions, paragraphs: captions.paragraphs.filter((paragraph) => paragraph.id !== id) };
  }
  const stopped = timeOf(atMs);
  if (stopped === null) return captions;
  return put(captions, { ...before, moments: { ...before.moments, spoken: stopped - pauseMs, stopped } });
}

function put(captions: Captions, paragraph: Paragraph): Captions {
  const at = captions.paragraphs.findIndex(({ id }) => id === paragraph.id);
  if (at !== -1) return { ...captions, paragraphs: captions.paragraphs.with(at, paragraph) };
  const paragraphs = [...captions.paragraphs, paragraph];
  const surplus = Math.max(0, paragraphs.length - MAX_PARAGRAPHS);
  return { paragraphs: paragraphs.slice(surplus), dropped: captions.dropped + surplus };
}

/** The line has ended: nothing will be confirmed any more, so that what was heard last stays as it is. */
export function withoutHope(captions: Captions): Captions {
  return {
    ...captions,
    paragraphs: captions.paragraphs.map((paragraph) =>
      paragraph.done ? paragraph : { ...paragraph, confirmed: wordsOf(paragraph), tentative: '', done: true },
    ),
  };
}

/** As a transcript that can be copied and saved: all that is confirmed. */
export function transcriptOf({ paragraphs }: Captions, model: string): Transcript {
  const said = paragraphs.filter(({ confirmed }) => confirmed !== '');
  return {
    text: said.map(({ confirmed }) => confirmed).join('\n'),
    segments: said.map(({ start, end, confirmed }) => ({ start, end, text: confirmed })),
    model,
    language: said.at(-1)?.language ?? null,
    duration: said.at(-1)?.end ?? null,
  };
}

export function wordsOf(paragraph: Paragraph | undefined): string {
  return paragraph === undefined ? '' : paragraph.confirmed + paragraph.tentative;
}

function behind(text: string, confirmed: string): string {
  return text.startsWith(confirmed) ? text.slice(confirmed.length) : '';
}
