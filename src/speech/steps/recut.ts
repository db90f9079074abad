import type { RecordingPiece } from '../../audio/contract.ts';
import { PieceCutter } from '../../audio/pieces.ts';
import { FRAME_MS } from '../../audio/vad.ts';
import type { SpeechSpan } from '../../engines/contract.ts';
import type { CatalogModel } from '../../models/catalog.ts';
import type { Calls } from './calls.ts';
import { mapAhead } from './map-ahead.ts';

/** Cuts the recording anew, at the pauses that a model finds instead of those that were found while it was decoded. */
export async function* recut(
  pieces: AsyncIterable<RecordingPiece>,
  model: CatalogModel,
  maxPieceMs: number,
  calls: Calls,
  atOnce: number,
): AsyncGenerator<RecordingPiece> {
  let first = true;
  const judged = mapAhead(pieces, atOnce, async (piece) => {
    const urgency = { first, cost: piece.endMs - piece.startMs };
    first = false;
    return { piece, spans: (await calls.one('detectSpeech', model, { pcm: piece.pcm }, urgency)).spans };
  });
  const voices = new VoiceTimes();
  const cutter = new PieceCutter(maxPieceMs, () => voices.next());
  for await (const { piece, spans } of judged) {
    voices.add(piece.startMs, spans);
    yield* cutter.push(piece.pcm);
  }
  yield* cutter.end();
}

/** Answers for one frame after the other whether somebody speaks in the middle of it. */
export class VoiceTimes {
  #spans: SpeechSpan[] = [];
  #atMs = FRAME_MS / 2;

  /** Spans of a part of the recording that begins at `fromMs`. They come in order. */
  add(fromMs: number, spans: readonly SpeechSpan[]): void {
    for (const { startMs, endMs } of spans) this.#spans.push({ startMs: fromMs + startMs, endMs: fromMs + endMs });
  }

  next(): boolean {
    while (this.#spans.length > 0 && this.#spans[0]!.endMs <= this.#atMs) this.#spans.shift();
    const speaks = this.#spans.length > 0 && this.#spans[0]!.startMs <= this.#atMs;
    this.#atMs += FRAME_MS;
    return speaks;
  }
}
