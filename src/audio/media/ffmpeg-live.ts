import { setImmediate } from 'node:timers/promises';
import type { LiveDecodeOptions } from '../contract.ts';
import type { Ffmpeg } from './ffmpeg.ts';
import { DECODERS, inputOptions } from './ffmpeg-decode.ts';
import { broken, Mixer, unsupported } from './mixer.ts';

const RATE = 16_000;
/** What FFmpeg asks for at once. */
const READ_BYTES = 4096;
/** So many bytes without any sound are no live audio: a header without end, a film, or rubbish. */
const BARREN_BYTES = 4 * 1024 * 1024;
/** Packets that cannot be decoded, beyond those that can. A stream that lost its way finds it again in fewer. */
const DAMAGED_PACKETS = 64;
/** Shorter holes between frames are only inexact clocks; a longer jump is another clock, not a pause. */
const LEAST_GAP_MS = 100;
const LONGEST_GAP_MS = 60_000;

export interface LiveSource {
  /** At most `size` bytes, as soon as there is one; null at the end. */
  read(size: number): Promise<Buffer | null>;
}

/**
 * Decodes a stream while it arrives: each packet as soon as its bytes are there. `deliver` gets 16 000 Hz, interleaved,
 * which the next call overwrites, and is waited for. What is missing between two packets, by their times, is silence.
 * FFmpeg gets the bytes through a callback on a thread of its own, which waits where `source` does; it opens no file and
 * no protocol, and no container and codec but those of recordings.
 *
 * SpeechError `invalid_audio` for what is no such stream, `unsupported_audio` for one without sound that we decode. A
 * stream may end anywhere.
 */
export async function decodeLive(
  av: Ffmpeg,
  { container, apart }: LiveDecodeOptions,
  source: LiveSource,
  deliver: (interleaved: Float32Array, channels: number) => Promise<void>,
): Promise<void> {
  let barrenBytes = 0;
  const io = new av.IOContext();
  io.allocContextWithCallbacks(READ_BYTES, 0, async (size) => {
    if (barrenBytes > BARREN_BYTES) return null;
    const bytes = await source.read(size);
    barrenBytes += bytes?.length ?? 0;
    return bytes;
  });
  const input = new av.FormatContext();
  input.allocContext();
  input.pb = io;
  const options = inputOptions(av, container);
  const opened = await input.openInput('', av.InputFormat.findInputFormat(container), options);
  options.free();
  if (opened < 0) throw broken();
  const { decoder, index, timeBase } = openTrack(av, input);

  const mixer = new Mixer(av, apart);
  const gaps = new Gaps(av, timeBase);
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
  for (let reading = true; reading; ) {
    const read = await input.readFrame(packet);
    reading = read !== av.AVERROR_EOF;
    const readable = read >= 0;
    if (readable && packet.streamIndex !== index) {
      packet.unref();
      continue;
    }
    if (readable || !reading) {
      if (decoder.sendPacketSync(readable ? packet : null) < 0) bad++;
      packet.unref();
    } else {
      bad++;
      // An error that comes back at once must not keep the process from its messages.
      await setImmediate();
    }
    for (;;) {
      const received = decoder.receiveFrameSync(frame);
      if (received < 0) {
        if (received !== av.AVERROR_EAGAIN && received !== av.AVERROR_EOF) bad++;
        break;
      }
      good++;
      const gapMs = gaps.before(frame);
      const pcm = mixer.mix(frame);
      frame.unref();
      for (let left = gapMs; left > 0; left -= 1000) {
        await tell(new Float32Array(Math.round((Math.min(1000, left) * RATE) / 1000) * mixer.channels));
      }
      await tell(pcm);
    }
    if (bad > good + DAMAGED_PACKETS) throw broken();
  }
  await tell(mixer.flush());
  if (barrenBytes > BARREN_BYTES || (good === 0 && bad > 0)) throw broken();
}

/** The first sound track that we decode; all others are passed over. */
function openTrack(av: Ffmpeg, input: InstanceType<Ffmpeg['FormatContext']>) {
  const tracks = input.streams.filter(({ codecpar }) => codecpar.codecType === av.AVMEDIA_TYPE_AUDIO);
  if (tracks.length === 0) throw unsupported('The stream has no sound track.');
  for (const track of tracks) {
    const codec = av.Codec.findDecoder(track.codecpar.codecId);
    if (codec === null || !DECODERS.has(codec.name ?? '')) continue;
    for (const other of input.streams) if (other.index !== track.index) other.discard = av.AVDISCARD_ALL;
    const decoder = new av.CodecContext();
    decoder.allocContext3(codec);
    if (decoder.parametersToContext(track.codecpar) < 0) throw broken();
    decoder.pktTimebase = track.timeBase;
    decoder.threadCount = 1;
    if (decoder.open2Sync(codec) < 0) throw broken();
    return { decoder, index: track.index, timeBase: track.timeBase };
  }
  throw unsupported('The sound track is in a codec that this server does not decode.');
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
