import { setImmediate } from 'node:timers/promises';
import type { RecordingPiece } from '../../audio/contract.ts';
import { joined } from '../../audio/join.ts';
import type { SpeakerSpan } from '../../engines/contract.ts';
import { SpeechError } from '../../errors.ts';
import type { CatalogModel } from '../../models/catalog.ts';
import type { Calls } from './calls.ts';
import { type KnownVoice, nameOf } from './known-speakers.ts';
import { isSpoken, type Turn, turnsOf } from './turns.ts';

/** A piece in which one person speaks. */
export interface SpokenPiece extends RecordingPiece {
  /** A known speaker's name, or a letter in the order of their first words. */
  speaker?: string;
}

export interface DiarizeOptions {
  model: CatalogModel;
  /** How many people speak, where the caller knows. */
  speakers?: number | undefined;
  voices: readonly KnownVoice[];
  calls: Calls;
}

const SAMPLES_PER_MS = 16;
/** What of somebody's speech is compared with known voices. */
const COMPARED_MS = 30_000;

/** Reads the whole recording, finds out who speaks when, and yields it again, cut where the speaker changes. */
export async function* diarized(
  pieces: AsyncIterable<RecordingPiece>,
  { model, speakers, voices, calls }: DiarizeOptions,
): AsyncGenerator<SpokenPiece> {
  const all: RecordingPiece[] = [];
  for await (const piece of pieces) all.push(piece);
  if (!all.some(({ speech }) => speech)) return;
  const pcm = await inOneStretch(all);
  const urgency = { first: true, cost: pcm.length / SAMPLES_PER_MS };
  const request = { pcm, ...(speakers === undefined ? {} : { speakers }) };
  const { spans } = await calls.one('diarize', model, request, urgency);
  const turns = turnsOf(spans);
  const names = voices.length === 0 ? new Map<number, string>() : await named(pcm, spans, voices, model, calls);
  const labels = labelled(turns, names);
  for (const piece of all) yield* parts(piece, turns, spans, labels);
}

/** The whole recording. From then on the pieces are windows on it, so that there is never more than one copy of a part. */
async function inOneStretch(pieces: readonly RecordingPiece[]): Promise<Float32Array> {
  const pcm = new Float32Array(pieces.reduce((sum, piece) => sum + piece.pcm.length, 0));
  let at = 0;
  for (const piece of pieces) {
    pcm.set(piece.pcm, at);
    piece.pcm = pcm.subarray(at, at + piece.pcm.length);
    at += piece.pcm.length;
    // An hour is 230 MB: others get a turn in between.
    await setImmediate();
  }
  return pcm;
}

function* parts(
  piece: RecordingPiece,
  turns: readonly Turn[],
  spans: readonly SpeakerSpan[],
  labels: ReadonlyMap<number, string>,
): Generator<SpokenPiece> {
  for (const { fromMs, toMs, speaker } of turns) {
    const [startMs, endMs] = [Math.max(piece.startMs, fromMs), Math.min(piece.endMs, toMs)];
    if (startMs >= endMs) continue;
    const whole = startMs === piece.startMs && endMs === piece.endMs;
    const sample = (ms: number): number => Math.round((ms - piece.startMs) * SAMPLES_PER_MS);
    const pcm = whole ? piece.pcm : piece.pcm.subarray(sample(startMs), sample(endMs));
    const speech = piece.speech && (whole || isSpoken(startMs, endMs, spans));
    yield { pcm, startMs, endMs, speech, speaker: labels.get(speaker)! };
  }
}

/** The names of those whose voices are known, by speaker. */
async function named(
  pcm: Float32Array,
  spans: readonly SpeakerSpan[],
  voices: readonly KnownVoice[],
  model: CatalogModel,
  calls: Calls,
): Promise<Map<number, string>> {
  const names = new Map<number, string>();
  const { sameSpeaker } = model.capabilities.embedSpeaker!;
  for (const speaker of new Set(spans.map((span) => span.speaker))) {
    try {
      const own = speechOf(pcm, spans, speaker);
      const { vector } = await calls.one('embedSpeaker', model, { pcm: own }, { first: true, cost: COMPARED_MS });
      const name = nameOf(vector, voices, sameSpeaker);
      if (name !== undefined) names.set(speaker, name);
    } catch (thrown) {
      // Too short to be known: one more without a name.
      if (!(thrown instanceof SpeechError && thrown.code === 'invalid_audio')) throw thrown;
    }
  }
  return names;
}

function speechOf(pcm: Float32Array, spans: readonly SpeakerSpan[], speaker: number): Float32Array {
  const found: Float32Array[] = [];
  let leftMs = COMPARED_MS;
  for (const span of spans) {
    if (span.speaker !== speaker || leftMs <= 0) continue;
    const endMs = Math.min(span.endMs, span.startMs + leftMs);
    found.push(pcm.subarray(span.startMs * SAMPLES_PER_MS, endMs * SAMPLES_PER_MS));
    leftMs -= endMs - span.startMs;
  }
  return joined(found);
}

/** Names where they are known, else A, B, … in the order of the first turns. */
function labelled(turns: readonly Turn[], names: ReadonlyMap<number, string>): Map<number, string> {
  const labels = new Map(names);
  let letters = 0;
  for (const { speaker } of turns) if (!labels.has(speaker)) labels.set(speaker, letter(letters++));
  return labels;
}

/** A to Z, then AA, AB, … */
export function letter(index: number): string {
  const last = String.fromCharCode(65 + (index % 26));
  return index < 26 ? last : letter(Math.floor(index / 26) - 1) + last;
}
