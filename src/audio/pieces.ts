import type { RecordingPiece } from './contract.ts';
import { FRAME_MS, FRAME_SAMPLES } from './vad.ts';

/** A pause this long always separates two pieces, so that the silence becomes a piece of its own. */
const LONG_PAUSE_FRAMES = 2000 / FRAME_MS;
/** What stays of such a pause with the speech before and after it. */
const MARGIN_FRAMES = 300 / FRAME_MS;
/** The shortest pause that certainly lies between words: stops inside words last up to about 150 ms. */
const PAUSE_FRAMES = 200 / FRAME_MS;
/** How far below the loud parts a frame counts as a pause, whatever the voice detector says of it. */
const QUIET_DB = 30;
/** The stretch whose level decides where to cut when there is no pause. */
const DIP_FRAMES = 100 / FRAME_MS;
/** Less voice than this in a piece is a click or a breath. */
const SPEECH_FRAMES = 100 / FRAME_MS;

/**
 * Cuts a recording, 16 000 Hz mono, into pieces while it arrives. A piece ends at a pause of two seconds, or, when it
 * is about to grow too long, in the middle of the longest pause of its second half; only where there is no pause of
 * 200 ms does it end at the quietest place. Every sample is in exactly one piece.
 */
export class PieceCutter {
  #hearsVoice: (frame: Float32Array) => boolean;
  #samples: Float32Array;
  #voiced: Uint8Array;
  #levels: Float32Array;
  /** Samples in `#samples`; only whole frames have been judged. */
  #filled = 0;
  #voicedFrames = 0;
  #silentFrames = 0;
  #startMs = 0;

  constructor(maxPieceMs: number, hearsVoice: (frame: Float32Array) => boolean) {
    const frames = Math.max(2, Math.floor(maxPieceMs / FRAME_MS));
    this.#hearsVoice = hearsVoice;
    this.#samples = new Float32Array(frames * FRAME_SAMPLES);
    this.#voiced = new Uint8Array(frames);
    this.#levels = new Float32Array(frames);
  }

  /** The pieces that are complete now. */
  push(pcm: Float32Array): RecordingPiece[] {
    const pieces: RecordingPiece[] = [];
    for (let at = 0; at < pcm.length; ) {
      if (this.#filled === this.#samples.length) pieces.push(this.#take(this.#chooseCut()));
      const room = FRAME_SAMPLES - (this.#filled % FRAME_SAMPLES);
      const part = pcm.subarray(at, at + room);
      this.#samples.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (part.length === room) pieces.push(...this.#judgeFrame(this.#filled / FRAME_SAMPLES - 1));
    }
    return pieces;
  }

  /** The rest of the recording. */
  end(): RecordingPiece[] {
    return this.#filled === 0 ? [] : [this.#take(Math.ceil(this.#filled / FRAME_SAMPLES))];
  }

  #judgeFrame(index: number): RecordingPiece[] {
    const frame = this.#samples.subarray(index * FRAME_SAMPLES, (index + 1) * FRAME_SAMPLES);
    const voiced = this.#hearsVoice(frame);
    const startsSpeech = voiced && this.#voicedFrames === 0;
    this.#voiced[index] = voiced ? 1 : 0;
    this.#levels[index] = decibels(frame);
    this.#silentFrames = voiced ? 0 : this.#silentFrames + 1;
    if (voiced) this.#voicedFrames++;
    if (startsSpeech && index >= LONG_PAUSE_FRAMES) return [this.#take(index - MARGIN_FRAMES)];
    if (this.#voicedFrames > 0 && this.#silentFrames === LONG_PAUSE_FRAMES) {
      return [this.#take(index + 1 - LONG_PAUSE_FRAMES + MARGIN_FRAMES)];
    }
    return [];
  }

  /** Takes the first frames out as a piece. */
  #take(frames: number): RecordingPiece {
    const end = Math.min(frames * FRAME_SAMPLES, this.#filled);
    const voicedFrames = this.#countVoiced(frames);
    const piece: RecordingPiece = {
      pcm: this.#samples.slice(0, end),
      startMs: this.#startMs,
      endMs: this.#startMs + Math.round((end * FRAME_MS) / FRAME_SAMPLES),
      speech: voicedFrames >= SPEECH_FRAMES,
    };
    this.#samples.copyWithin(0, end, this.#filled);
    this.#voiced.copyWithin(0, frames);
    this.#levels.copyWithin(0, frames);
    this.#filled -= end;
    this.#voicedFrames -= voicedFrames;
    this.#startMs = piece.endMs;
    return piece;
  }

  #countVoiced(frames: number): number {
    let count = 0;
    const whole = Math.min(frames, Math.floor(this.#filled / FRAME_SAMPLES));
    for (let i = 0; i < whole; i++) count += this.#voiced[i]!;
    return count;
  }

  /** The frame before which a full buffer is cut. */
  #chooseCut(): number {
    const frames = this.#levels.length;
    const from = frames >> 1;
    const loud = this.#levels.toSorted()[Math.floor(frames * 0.9)]!;
    let best = { at: 0, length: 0 };
    let length = 0;
    for (let i = from; i < frames; i++) {
      const pause = this.#voiced[i] === 0 || this.#levels[i]! < loud - QUIET_DB;
      length = pause ? length + 1 : 0;
      if (length > 0 && length >= best.length) best = { at: i + 1 - (length >> 1), length };
    }
    return best.length >= PAUSE_FRAMES ? best.at : this.#quietestPlace(from);
  }

  #quietestPlace(from: number): number {
    let lowest = Number.POSITIVE_INFINITY;
    let place = this.#levels.length;
    for (let i = from; i + DIP_FRAMES <= this.#levels.length; i++) {
      let level = 0;
      for (let j = i; j < i + DIP_FRAMES; j++) level += this.#levels[j]!;
      if (level <= lowest) {
        lowest = level;
        place = i + (DIP_FRAMES >> 1);
      }
    }
    return place;
  }
}

function decibels(frame: Float32Array): number {
  let power = 0;
  for (const sample of frame) power += sample * sample;
  return 10 * Math.log10(power / frame.length + 1e-12);
}
