import type { SpeakerSpan } from '../../engines/contract.ts';

/** A part of the recording that belongs to one speaker. The first begins at 0, the last never ends. */
export interface Turn {
  fromMs: number;
  toMs: number;
  speaker: number;
}

/** Less speech than this beside somebody else's is a click or a breath. */
const SHORTEST_MS = 100;

/**
 * Divides the time among the speakers, so that every moment belongs to one: pauses are parted in the middle, and so is
 * what two say at once. Who only interjects while another goes on has no turn of their own.
 */
export function turnsOf(spans: readonly SpeakerSpan[]): Turn[] {
  const spoken: SpeakerSpan[] = [];
  for (const span of spans.toSorted((a, b) => a.startMs - b.startMs || b.endMs - a.endMs)) {
    const last = spoken.at(-1);
    if (last?.speaker === span.speaker) last.endMs = Math.max(last.endMs, span.endMs);
    else if (last === undefined || span.endMs > last.endMs) spoken.push({ ...span });
  }
  const turns: Turn[] = [];
  for (const [index, { speaker, startMs }] of spoken.entries()) {
    const before = spoken[index - 1];
    const fromMs = before === undefined ? 0 : Math.round((before.endMs + startMs) / 2);
    const last = turns.at(-1);
    if (last !== undefined) last.toMs = fromMs;
    turns.push({ fromMs, toMs: Number.POSITIVE_INFINITY, speaker });
  }
  return turns.length > 0 ? turns : [{ fromMs: 0, toMs: Number.POSITIVE_INFINITY, speaker: 0 }];
}

/** Whether enough of a stretch between two others is somebody's speech to be worth hearing. */
export function isSpoken(fromMs: number, toMs: number, spans: readonly SpeakerSpan[]): boolean {
  let spokenMs = 0;
  for (const { startMs, endMs } of spans) {
    spokenMs += Math.max(0, Math.min(toMs, endMs) - Math.max(fromMs, startMs));
    if (spokenMs >= SHORTEST_MS) return true;
  }
  return false;
}
