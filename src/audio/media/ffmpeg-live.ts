import type { LiveContainer, LiveDecodeOptions } from '../contract.ts';
import type { Ffmpeg } from './ffmpeg.ts';
import { containerPackets, flacPackets, type LivePackets, type LiveSource, opusPackets } from './live-packets.ts';
import { broken, Mixer } from './mixer.ts';

const RATE = 16_000;
/** So many bytes without any sound are no live audio: a header without end, a film, or rubbish. */
const BARREN_BYTES = 4 * 1024 * 1024;
/** Packets that cannot be decoded, beyond those that can. A stream that lost its way finds it again in fewer. */
const DAMAGED_PACKETS = 64;
/** Shorter holes between frames are only inexact clocks; a longer jump is another clock, not a pause. */
const LEAST_GAP_MS = 100;
const LONGEST_GAP_MS = 60_000;
const SILENCE_MS = 1000;

/**
 * Decodes a stream while it arrives: each packet as soon as its bytes are there. `deliver` gets 16 000 Hz, interleaved,
 * which the next call overwrites, and is waited for. What is missing between two packets, by their times, is silence.
 * A stream may end anywhere.
 *
 * SpeechError `invalid_audio` for what is no such stream, `unsupported_audio` for one without sound that we decode.
 */
export async function decodeLive(
  av: Ffmpeg,
  { container, apart }: Pick<LiveDecodeOptions, 'container' | 'apart'>,
  source: LiveSource,
  deliver: (interleaved: Float32Array, channels: number) => Promise<void>,
): Promise<void> {
  let barrenBytes = 0;
  const bounded: LiveSource = {
    async read(size) {
      if (barrenBytes > BARREN_BYTES) return null;
      const bytes = await source.read(size);
      if (bytes !== 'mark') barrenBytes += bytes?.length ?? 0;
      return bytes;
    },
  };
  const packets = await openPackets(av, container, bounded);
  const { decoder } = packets;
  const mixer = new Mixer(av, apart);
  const gaps = new Gaps(av, packets.timeBase);
  const packet = new av.Packet();
  const frame = new av.Frame();
  packet.alloc();
  frame.alloc();
  const tell = async (pcm: Float32Array): Promise<void> => {
    if (pcm.length === 0) return;
    barrenBytes = 0;
    await deliver(pcm, mixer.channels);
  };

  let good = 0;
  let bad = 0;
  for (let ended = false; !ended; ) {
    const next = await packets.next(packet);
    ended = next === 'end';
    if (next === 'damaged' || decoder.sendPacketSync(ended ? null : packet) < 0) bad++;
    packet.unref();
    for (;;) {
      const received = decoder.receiveFrameSync(frame);
      if (received < 0) {
        if (received !== av.AVERROR_EAGAIN && received !== av.AVERROR_EOF) bad++;
        break;
      }
      good++;
      let gapMs = gaps.before(frame);
      const pcm = mixer.mix(frame);
      frame.unref();
      for (; gapMs > 0; gapMs -= SILENCE_MS) {
        await tell(new Float32Array(Math.round((Math.min(SILENCE_MS, gapMs) * RATE) / 1000) * mixer.channels));
      }
      await tell(pcm);
    }
    if (bad > good + DAMAGED_PACKETS) throw broken();
  }
  await tell(mixer.flush());
  if (barrenBytes > BARREN_BYTES || (good === 0 && bad > 0)) throw broken();
}

function openPackets(av: Ffmpeg, container: LiveContainer, source: LiveSource): Promise<LivePackets> {
  if (container === 'opus-packets') return opusPackets(av, source);
  return container === 'flac' ? flacPackets(av, source) : containerPackets(av, container, source);
}

/** Finds holes between frames by the times that the container gives them. */
class Gaps {
  readonly #none: bigint;
  readonly #tickMs: number;
  #endMs: number | undefined;

  constructor(av: Ffmpeg, timeBase: { num: number; den: number }) {
    this.#none = av.AV_NOPTS_VALUE;
    this.#tickMs = (timeBase.num * 1000) / timeBase.den;
  }

  /** Milliseconds that are missing before this frame. */
  before({ pts, nbSamples, sampleRate }: InstanceType<Ffmpeg['Frame']>): number {
    const lengthMs = (nbSamples * 1000) / sampleRate;
    const startMs = pts === this.#none ? this.#endMs : Number(pts) * this.#tickMs;
    const gapMs = startMs === undefined || this.#endMs === undefined ? 0 : startMs - this.#endMs;
    if (startMs !== undefined) this.#endMs = startMs + lengthMs;
    return gapMs > LEAST_GAP_MS && gapMs <= LONGEST_GAP_MS ? gapMs : 0;
  }
}
