import type { RecordingPiece } from '../../audio/contract.ts';
import { Resampler } from '../../audio/resample.ts';
import type { CatalogModel } from '../../models/catalog.ts';
import type { Calls } from './calls.ts';
import { mapAhead } from './map-ahead.ts';

const RATE = 16_000;

/** The same pieces without their noise. Pieces without a voice are left as they are: nobody will hear them. */
export function denoised(
  pieces: AsyncIterable<RecordingPiece>,
  model: CatalogModel,
  calls: Calls,
  atOnce: number,
): AsyncIterable<RecordingPiece> {
  let first = true;
  return mapAhead(pieces, atOnce, async (piece) => {
    if (!piece.speech) return piece;
    const urgency = { first, cost: piece.endMs - piece.startMs };
    first = false;
    const { pcm, sampleRate } = await calls.one('denoise', model, { pcm: piece.pcm }, urgency);
    return { ...piece, pcm: fitted(atRate(pcm, sampleRate), piece.pcm.length) };
  });
}

function atRate(pcm: Float32Array, sampleRate: number): Float32Array {
  if (sampleRate === RATE) return pcm;
  const resampler = new Resampler(sampleRate, RATE);
  const parts = [resampler.push(pcm).slice(), resampler.flush()];
  const all = new Float32Array(parts[0]!.length + parts[1]!.length);
  all.set(parts[0]!);
  all.set(parts[1]!, parts[0]!.length);
  return all;
}

/** Times are told by samples: as many have to come out as went in. */
function fitted(pcm: Float32Array, length: number): Float32Array {
  if (pcm.length >= length) return pcm.subarray(0, length);
  const longer = new Float32Array(length);
  longer.set(pcm);
  return longer;
}
