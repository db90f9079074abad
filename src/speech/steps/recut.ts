import type { RecordingPiece } from '../../audio/contract.ts';
import { PieceCutter } from '../../audio/pieces.ts';
import { FRAME_MS } from '../../audio/vad.ts';
import type { SpeechSpan } from '../../engines/contract.ts';
import type { CatalogModel } from '../../models/catalog.ts';
import { type Calls, isBroken } from './calls.ts';
import { mapAhead } from './map-ahead.ts';

export interface RecutOptions {
  model: CatalogModel;
  maxPieceMs: number;
  calls: Calls;
  /** Pieces that the model may have at the same time. */
  atOnce: number;
  /** Nobody asked for this model: where it is broken, what was found while decoding will do. */
  dispensable: boolean;
}

/** Cuts the recording anew, at the pauses that a model finds instead of those that were found while it was decoded. */
export async function* recut(
  pieces: AsyncIterable<RecordingPiece>,
  { model, maxPieceMs, calls, atOnce, dispensable }: RecutOptions,
): AsyncGenerator<RecordingPiece> {
  let first = true;
  let broken = false;
  const detect = async ({ pcm, startMs, endMs, speech }: RecordingPiece): Promise<SpeechSpan[]> => {
    const found = speech ? [{ startMs: 0, endMs: endMs - startMs }] : [];
    if (broken) return found;
    const urgency = { first, cost: endMs - startMs };
    first = false;
    try {
      return (await calls.one('detectSpeech', model, { pcm }, urgency)).spans;
    } catch (thrown) {
      if (!dispensable || !isBroken(thrown)) throw thrown;
      broken = true;
      return found;
    }
  };
  const judged = mapAhead(pieces, atOnce, async (piece) => ({ piece, spans: await detect(piece) }));
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
